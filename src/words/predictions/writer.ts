/** What makes a clause of each reason; reasons that hold others are given what puts those into words. */
import type { Reason } from '../../model/reason.js';
import type { Writers } from '../writers.js';

export type Tell = (reason: Reason) => string;

export type ReasonWriters<T extends Reason> = Writers<T, string, [tell: Tell]>;
