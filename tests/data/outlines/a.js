// Makes a thing.
export function make(a, b = "secretsecret") { return 1 }
export default class Foo extends Bar { static x = 1; #hid() {} go(a) { return () => 1 } get v() { return 1 } }
export const add = (a, b) => { return a + b }, other = 3;
const K = {a: 1};
module.exports = { make };
