/// Adds.
pub fn add(a: i32) -> i32 { a }
fn hidden() {}
pub struct S<T> { pub a: T, b: i32 }
pub struct Tup(pub i32);
pub enum E { A(i32), B { x: i32 } }
pub trait T { fn m(&self) -> i32; fn d(&self) {} type X; }
impl<T> S<T> { pub fn new() -> Self { S } fn p(&self) {} }
impl T for S<i32> { fn m(&self) -> i32 { 1 } }
pub mod m { pub const C: i32 = 3; }
macro_rules! mac { () => {} }
