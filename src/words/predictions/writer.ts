/** The functions that write each reason as a clause; each gets a function that writes nested reasons. */
import type { Reason } from '../../model/reason.js';
import type { Writers } from '../writers.js';

export type Tell = (reason: Reason) => string;

export type ReasonWriters<T extends Reason> = Writers<T, string, [tell: Tell]>;
