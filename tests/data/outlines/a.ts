export interface P<T> { a: string; m(x: number): void }
export abstract class A<T> implements P<T> { private z = 1; constructor(public q: string) {} abstract f(): void; protected async g<T>(a: T): Promise<T> { return a } }
export type U = "a" | "b";
declare module "x" { export function q(): void }
namespace N.M { export const c = 1 }
export enum E { A, B }
export const f = async (a: number): Promise<void> => { await 1 };
