/** Reads what a rule sets: marks, zones, and packet fields that no rule here asks for. */
import type { Step } from '../../../model/rules.js';
import type { Expression } from './ast.js';
import { foldBits } from './bits.js';
import { ALL_BITS } from '../rule-words.js';

/** Fields that a rule may set without changing where the packet goes. */
const INERT =
  /^(?:ip6? (?:dscp|ecn|ttl|hoplimit|flowlabel|id)|tcp option .*|meta (?:priority|nftrace|secmark|cpu)|nftrace|ct (?:event|label|secmark|expiration)|udp checksum|tcp (?:window|checksum))$/;

export function readSetting(field: string, value: Expression, text: string): Step[] {
  switch (field) {
    case 'meta mark':
    case 'mark':
      return [readMark('set-mark', value)];
    case 'ct mark':
      return [readMark('set-connection-mark', value)];
    case 'ct zone':
    case 'ct original zone':
    case 'ct reply zone':
      return [readZone(field, value) ?? { kind: 'verdict', verdict: { do: 'unknown', text } }];
    default:
      if (INERT.test(field)) return [{ kind: 'note', text }];
      // A rule that writes addresses or ports into the packet sends it elsewhere.
      return [{ kind: 'verdict', verdict: { do: 'unknown', text } }];
  }
}

function readMark(kind: 'set-mark' | 'set-connection-mark', value: Expression): Step {
  const own = kind === 'set-mark' ? 'mark' : 'connection-mark';
  if (value.kind === 'value') {
    const number = Number(value.text);
    const known = Number.isInteger(number) && number >= 0 && number <= ALL_BITS;
    return { kind, value: known ? number : null, mask: ALL_BITS };
  }
  const folded = foldBits(value);
  if (folded?.bits.field === own) {
    // The step computes (mark & ~mask) ^ value; the rule writes (mark & mask) ^ flip.
    return { kind, value: folded.flip, mask: ~folded.mask >>> 0 };
  }
  if (folded?.flip === 0) {
    const { mask: from } = folded;
    const source = folded.bits.field;
    if (own === 'mark' && source === 'connection-mark') {
      return { kind: 'restore-mark', from, to: ALL_BITS };
    }
    if (own === 'connection-mark' && source === 'mark') {
      return { kind: 'save-mark', from, to: ALL_BITS };
    }
  }
  return { kind, value: null, mask: ALL_BITS };
}

function readZone(field: string, value: Expression): Step | null {
  const zone = value.kind === 'value' ? Number(value.text) : NaN;
  if (!Number.isInteger(zone) || zone < 0 || zone > 0xffff) return null;
  const direction =
    field === 'ct original zone' ? 'original' : field === 'ct reply zone' ? 'reply' : null;
  return { kind: 'zone', zone, direction };
}
