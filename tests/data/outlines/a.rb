module M
  # Does it.
  class A < B
    K = 1
    attr_reader :x
    def self.make(a, b: 1) = new
    def go(a)
      x = 1
    end
    def ok?; true; end
  end
end
