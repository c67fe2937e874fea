/**
 * What is known at once, or a promise of it. Most answers of a session need nobody else; a promise
 * for each would cost more than the answer, and end the turn in which the next command lies at hand.
 */
export type Soon<T> = T | Promise<T>;

/** Goes on with a value now if it is there, else when it is. */
export function whenKnown<T, R>(value: Soon<T>, then: (value: T) => Soon<R>): Soon<R> {
  return value instanceof Promise ? value.then(then) : then(value);
}
