/** The kernel's types, reduced to those that a program uses: what stays is where it was. */
import * as assert from 'uvu/assert';
import { Btf, KIND, LITTLE } from '../../src/capture/bpftrace/btf/btf.js';
import { findWanted, pickTypes } from '../../src/capture/bpftrace/btf/program-types.js';
import { trimTypes } from '../../src/capture/bpftrace/btf/trim.js';
import { BtfWriter } from '../../src/capture/bpftrace/btf/writer.js';
import { suite } from '../support/suite.js';

const test = suite('types of the kernel');

type Member = readonly [name: string, type: number, bits: number];

/** Writes types of a kernel that never was. */
class World {
  readonly writer = new BtfWriter();
  readonly u8 = this.writer.integer('unsigned char', 1);
  readonly u32 = this.writer.integer('unsigned int', 4);
  readonly u64 = this.writer.integer('unsigned long', 8);

  refer(kind: number, type: number, name = ''): number {
    const id = this.writer.reserve();
    this.writer.set(id, { kind, name, flag: false, sizeOrType: type });
    return id;
  }

  pointer(type: number): number {
    return this.refer(KIND.pointer, type);
  }

  array(type: number, length: number): number {
    const id = this.writer.reserve();
    const more = [type, this.u32, length];
    this.writer.set(id, { kind: KIND.array, name: '', flag: false, sizeOrType: 0, more });
    return id;
  }

  record(
    name: string,
    size: number,
    members: readonly Member[],
    kind: number = KIND.struct,
  ): number {
    const id = this.writer.reserve();
    this.fill(id, name, size, members, kind);
    return id;
  }

  fill(
    id: number,
    name: string,
    size: number,
    members: readonly Member[],
    kind: number = KIND.struct,
  ): void {
    const flag = members.some(([, , bits]) => bits >>> 24 > 0);
    const more = members.flatMap(([one, type, bits]) => [this.writer.text(one), type, bits]);
    this.writer.set(id, { kind, name, flag, sizeOrType: size, count: members.length, more });
  }

  finish(): Btf {
    return new Btf(this.writer.finish());
  }
}

interface Told {
  readonly size: number;
  readonly members: Readonly<Record<string, { readonly bits: number; readonly type: number }>>;
  readonly order: readonly string[];
}

function find(btf: Btf, name: string, kind: number = KIND.struct): number | undefined {
  for (let id = 1; id <= btf.count; id += 1) {
    const type = btf.type(id);
    if (type.kind === kind && type.name === name) return id;
  }
  return undefined;
}

function tell(btf: Btf, id: number | undefined): Told {
  assert.type(id, 'number');
  const { count, data, at, sizeOrType } = btf.type(id ?? 0);
  const members = Array.from({ length: count }, (_, index) => {
    const [name = 0, type = 0, bits = 0] = [0, 4, 8].map((more) =>
      data.getUint32(at + 12 * index + more, LITTLE),
    );
    return [btf.text(name), { bits, type }] as const;
  });
  return {
    size: sizeOrType,
    members: Object.fromEntries(members),
    order: members.map(([name]) => name),
  };
}

function trim(world: World, structs: readonly string[], members: readonly string[]): Btf {
  return new Btf(
    trimTypes(world.finish(), { structs: new Set(structs), members: new Set(members) }),
  );
}

test('a struct keeps its size and the members that are read, at their places, and is full between them', () => {
  const world = new World();
  world.record('skb', 24, [
    ['next', world.u64, 0],
    ['len', world.u32, 64],
    ['data_len', world.u32, 96],
    ['head', world.u32, 128],
    ['tail', world.u32, 160],
  ]);
  const btf = trim(world, ['skb'], ['data_len', 'tail']);
  const { size, members, order } = tell(btf, find(btf, 'skb'));
  assert.is(size, 24);
  assert.is(members['data_len']?.bits, 96);
  assert.is(members['tail']?.bits, 160);
  assert.not.ok('len' in members);
  const [first = '', , second = ''] = order;
  assert.is(members[first]?.bits, 0);
  assert.is(members[second]?.bits, 128);
  const lengths = [first, second].map((name) => lengthOf(btf, members[name]?.type ?? 0));
  assert.equal(lengths, [12, 4]);
  assert.is(order.length, 4, 'nothing follows the last member');
});

function lengthOf(btf: Btf, id: number): number {
  const { kind, data, at } = btf.type(id);
  assert.is(kind, KIND.array);
  return data.getUint32(at + 8, LITTLE);
}

test('what follows the last member is filled, in a union as well, which begins anew for each', () => {
  const world = new World();
  const both = world.record(
    'both',
    16,
    [
      ['one', world.u8, 0],
      ['all', world.array(world.u32, 4), 0],
    ],
    KIND.union,
  );
  world.record('holder', 32, [
    ['both', both, 0],
    ['rest', world.array(world.u64, 2), 128],
  ]);
  const btf = trim(world, ['holder'], ['both', 'one']);
  const holder = tell(btf, find(btf, 'holder'));
  assert.equal(holder.order.length, 2);
  assert.is(lengthOf(btf, holder.members[holder.order[1] ?? '']?.type ?? 0), 16);
  const union = tell(btf, find(btf, 'both', KIND.union));
  assert.equal(union.size, 16);
  assert.equal(
    Object.values(union.members).map(({ bits }) => bits),
    [0, 0],
  );
  assert.not.ok('all' in union.members);
});

test('members of unnamed structs count as their own, and such a struct stays only for them', () => {
  const world = new World();
  const with_ = world.record('', 8, [
    ['port', world.u32, 0],
    ['more', world.u32, 32],
  ]);
  const without = world.record('', 8, [['other', world.u64, 0]]);
  world.record('sock', 16, [
    ['', without, 0],
    ['', with_, 64],
  ]);
  const btf = trim(world, ['sock'], ['port']);
  const { members, order } = tell(btf, find(btf, 'sock'));
  assert.is(order.filter((name) => name === '').length, 1);
  assert.is(members['']?.bits, 64);
  const inner = tell(btf, members['']?.type);
  assert.ok('port' in inner.members);
  assert.not.ok('more' in inner.members);
});

test('a pointer leads to a struct of which something is read, also round in a circle; else to nothing', () => {
  const world = new World();
  const device = world.writer.reserve();
  const other = world.record('other', 8, [['unread', world.u64, 0]]);
  world.fill(device, 'device', 24, [
    ['next', world.pointer(world.refer(KIND.const, device)), 0],
    ['private', world.pointer(other), 64],
    ['ifindex', world.u32, 128],
  ]);
  world.record('skb', 8, [['dev', world.pointer(device), 0]]);
  const btf = trim(world, ['skb'], ['dev', 'next', 'private', 'ifindex']);
  const pointer = btf.type(tell(btf, find(btf, 'skb')).members['dev']?.type ?? 0);
  assert.is(pointer.kind, KIND.pointer);
  assert.is(pointer.sizeOrType, find(btf, 'device'));
  const { members } = tell(btf, find(btf, 'device'));
  const next = btf.type(members['next']?.type ?? 0);
  assert.is(btf.type(btf.type(next.sizeOrType).sizeOrType).name, 'device');
  assert.is(btf.type(members['private']?.type ?? 0).sizeOrType, 0);
  assert.is(find(btf, 'other'), undefined);
});

test('a struct with a bit field that is read stays whole', () => {
  const world = new World();
  world.record('sock', 8, [
    ['flags', world.u32, (3 << 24) | 0],
    ['kind', world.u32, (5 << 24) | 3],
    ['mark', world.u32, 32],
  ]);
  const { order } = (() => {
    const btf = trim(world, ['sock'], ['kind']);
    return tell(btf, find(btf, 'sock'));
  })();
  assert.equal(order, ['flags', 'kind', 'mark']);
  const btf = trim(world, ['sock'], ['mark']);
  assert.not.ok('kind' in tell(btf, find(btf, 'sock')).members);
});

test('structs that nobody names are left out; names of types and numbers stay', () => {
  const world = new World();
  world.record('unused', 8, [['len', world.u64, 0]]);
  world.record('skb', 8, [['len', world.u64, 0]]);
  world.refer(KIND.typedef, world.u64, 'size_t');
  const id = world.writer.reserve();
  const more = [world.writer.text('NO_SOCKET'), 3];
  world.writer.set(id, {
    kind: KIND.enum,
    name: 'reason',
    flag: false,
    sizeOrType: 4,
    count: 1,
    more,
  });
  const btf = trim(world, ['skb'], ['len']);
  assert.is(find(btf, 'unused'), undefined);
  assert.type(find(btf, 'size_t', KIND.typedef), 'number');
  const reason = btf.type(find(btf, 'reason', KIND.enum) ?? 0);
  assert.is(btf.text(reason.data.getUint32(reason.at, LITTLE)), 'NO_SOCKET');
  assert.is(reason.data.getUint32(reason.at + 4, LITTLE), 3);
});

test('types of a module go on where those of the kernel end', () => {
  const kernel = new World();
  const base = kernel.writer.finish();
  // A module's writer that counts from the kernel's numbers.
  const size = new Btf(base).count;
  const module = new BtfWriter();
  const id = module.reserve();
  const more = [module.text('status'), kernel.u64, 0];
  module.set(id, {
    kind: KIND.struct,
    name: 'nf_conn',
    flag: false,
    sizeOrType: 8,
    count: 1,
    more,
  });
  const bytes = module.finish();
  shiftTexts(bytes, base.readUInt32LE(20));
  const btf = new Btf(base, bytes);
  assert.is(btf.count, size + 1);
  const told = new Btf(
    trimTypes(btf, { structs: new Set(['nf_conn']), members: new Set(['status']) }),
  );
  const member = tell(told, find(told, 'nf_conn')).members['status'];
  assert.is(told.type(member?.type ?? 0).name, 'unsigned long');
});

/** In a module the strings are counted from the end of the kernel's. */
function shiftTexts(bytes: Buffer, by: number): void {
  for (const at of [24, 36]) bytes.writeUInt32LE(bytes.readUInt32LE(at) + by, at);
}

test('what is not in this form picks nothing', () => {
  assert.throws(() => new Btf(Buffer.alloc(64)), RangeError);
  const world = new World();
  world.record('skb', 8, [['len', 4711, 0]]);
  assert.is(pickTypes(world.finish(), '((struct skb *)$s)->len'), null);
});

test('a program names its structs and members', () => {
  const { structs, members } = findWanted(
    '$skb = (struct sk_buff *)args->skbaddr; $x = $skb->dev->nd_net.net; (union u)',
  );
  assert.equal([...structs], ['sk_buff', 'u']);
  assert.equal([...members], ['skbaddr', 'dev', 'nd_net', 'net']);
});

test.run();
