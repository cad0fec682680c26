using X;
namespace N { /// <summary>Doc</summary>
 public class A : B { private int z; public int P { get; set; } public A(int a) {} public async Task<int> M<T>(T a) where T: class { return 1; } private void H() {} public event Action E; public const string K = "abcdef"; }
 interface I { void F(int a); } enum En { X, Y } public record R(int A); public delegate void D(int a); }
