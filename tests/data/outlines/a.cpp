namespace n { template <typename T> class V : public B<T> { public: V(int a) : x(a) {} T get() const; int operator+(int b) { return 1; } private: int x; }; 
template <class T> T mx(T a, T b) { return a; }
using S = int; enum class E { A }; }
int n::V<int>::get2() { return 1; }
struct P { int a; void f(); };
