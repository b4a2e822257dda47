/** Computes with bits as nft writes them: operations on a field, and constants. */
import type { PortRange } from '../../../model/rules.js';
import type { Expression, Operator } from './ast.js';
import { NFT_BIT_FIELDS, toNumber, type BitsOf } from './numbers.js';

/** (field & mask) ^ flip */
export interface Folded {
  readonly bits: BitsOf;
  readonly name: string;
  readonly mask: number;
  readonly flip: number;
}

/** Folds the operations on a bit field into one mask and one flip; null for other fields. */
export function foldBits(expression: Expression): Folded | null {
  if (expression.kind === 'field') {
    const bits = NFT_BIT_FIELDS.get(expression.name);
    return bits ? { bits, name: expression.name, mask: bits.all, flip: 0 } : null;
  }
  if (expression.kind !== 'binary') return null;
  const left = foldBits(expression.left);
  const value = left && constant(left.bits, expression.right);
  if (!left || value === null) return null;
  const { mask, flip } = left;
  switch (expression.operator) {
    case '&':
      return { ...left, mask: (mask & value) >>> 0, flip: (flip & value) >>> 0 };
    case '|':
      return { ...left, mask: (mask & ~value) >>> 0, flip: ((flip & ~value) | value) >>> 0 };
    case '^':
      return { ...left, flip: (flip ^ value) >>> 0 };
    default:
      return null;
  }
}

/** Computes a constant: flags separated by commas or bars are one number. */
function constant(bits: BitsOf, expression: Expression): number | null {
  switch (expression.kind) {
    case 'value':
      return toNumber(bits, expression.text);
    case 'list': {
      const items = expression.items.map((item) => constant(bits, item));
      return items.every((item) => item !== null)
        ? items.reduce((sum, item) => sum | item, 0) >>> 0
        : null;
    }
    case 'binary': {
      const [left, right] = [expression.left, expression.right].map((one) => constant(bits, one));
      if (left == null || right == null) return null;
      return calculate(expression.operator, left, right) >>> 0;
    }
    default:
      return null;
  }
}

function calculate(operator: string, left: number, right: number): number {
  switch (operator) {
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '<<':
      return left << right;
    default:
      return left >>> right;
  }
}

/** Lists the values that a field is compared with as number ranges; null if one is not understood. */
export function listRanges(
  bits: BitsOf,
  values: readonly Expression[],
  operator: Operator,
): PortRange[] | null {
  const ranges = values.map((value): PortRange | null => {
    if (value.kind === 'range') {
      const [low, high] = [toNumber(bits, value.low), toNumber(bits, value.high)];
      return low === null || high === null ? null : { low, high };
    }
    const number = constant(bits, value);
    return number === null ? null : { low: number, high: number };
  });
  if (!ranges.every((range) => range !== null)) return null;
  const [first] = ranges;
  if (operator === '<' || operator === '<=' || operator === '>' || operator === '>=') {
    if (ranges.length !== 1 || !first) return null;
    const { low } = first;
    const below = operator === '<' || operator === '<=';
    const exact = operator === '<=' || operator === '>=';
    return below
      ? [{ low: 0, high: exact ? low : low - 1 }]
      : [{ low: exact ? low : low + 1, high: 0xffffffff }];
  }
  return ranges;
}

/** The text of a single value. */
export function foldValue(expression: Expression): string | null {
  return expression.kind === 'value' ? expression.text : null;
}
