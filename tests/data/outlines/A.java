package a;
/** Doc of A. */
@Ann public class A<T> extends B implements C { private int z; public static final int K = 1; public A(int a) { } /** m */ @Override public <X> X m(X a) throws E { return a; } private void h() {} class In { void q() {} } }
interface I { int f(int a); default void g() {} }
enum En { X, Y(1); int v() { return 1; } }
record R(int a, String b) { void z() {} }
