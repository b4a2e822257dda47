/** A query for the port of a tunnel finds the connections inside, and each names the tunnels that it went through. */
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/model/report.js';
import { withHeader } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { tellTunnels } from '../../src/words/tunnels.js';
import { readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import { carry, ipPacket, PLAIN, writeCapture, type Carrier } from '../support/wire-packets.js';

const test = suite('tunnels');

const PLACE = {
  device: 'eth0',
  way: 'in' as const,
  hardware: '02:00:00:00:00:01',
};

/** One connection on port 8080 that is seen inside tunnels, and one on port 9090 outside of any. */
async function ask(port: number, carriers: readonly Carrier[]): Promise<readonly Connection[]> {
  const make = (to: number): Buffer =>
    ipPacket({
      protocol: 'tcp',
      source: { address: '10.0.0.2', port: 40_000 },
      destination: { address: '10.0.0.5', port: to },
      seq: 100,
      flags: 0x02,
    });
  const inside = carriers.reduceRight((bytes, carrier) => carry(bytes, carrier), make(8080));
  const shots = [inside, make(9090)].map((bytes, at) => ({ ...PLACE, time: 1_000 * at, bytes }));
  const trace = await readTogether([writeCapture(shots, PLAIN)]);
  const target = { ...trace.header.target, asked: [port], ports: [port] };
  return analyse(withHeader(trace, { ...trace.header, target })).connections;
}

const by = (kind: Carrier['kind'], id = 7): Carrier => ({
  kind,
  id,
  from: '192.0.2.1',
  to: '192.0.2.2',
});

const ports = (found: readonly Connection[]): (number | undefined)[] =>
  found.map(({ server }) => server?.port);

test("a tunnel's own port stands for the connections inside, and for no others", async () => {
  assert.equal(ports(await ask(4789, [by('vxlan')])), [8080]);
  assert.equal(ports(await ask(6081, [by('geneve')])), [8080]);
  assert.equal(ports(await ask(6081, [by('vxlan')])), []);
  assert.equal(ports(await ask(4789, [by('vxlan', 1), by('geneve', 2)])), [8080]);
  assert.equal(ports(await ask(6081, [by('vxlan', 1), by('geneve', 2)])), [8080]);
  // GRE has no port.
  assert.equal(ports(await ask(4789, [by('gre')])), []);
});

test('the port inside is asked for as ever', async () => {
  assert.equal(ports(await ask(8080, [by('vxlan')])), [8080]);
  assert.equal(ports(await ask(9090, [by('vxlan')])), [9090]);
});

test('each connection names its tunnels, the outermost first', async () => {
  const [inside] = await ask(8080, [by('gre', 5), by('vxlan', 9)]);
  assert.equal(inside?.via, [
    { kind: 'gre', id: 5, from: '192.0.2.1', to: '192.0.2.2' },
    { kind: 'vxlan', id: 9, from: '192.0.2.1', to: '192.0.2.2' },
  ]);
  assert.is(
    tellTunnels(inside?.via ?? []),
    'inside GRE 5 from 192.0.2.1 to 192.0.2.2, inside that VXLAN 9 from 192.0.2.1 to 192.0.2.2',
  );
  const [plain] = await ask(9090, [by('vxlan')]);
  assert.is(plain?.via, undefined);
});

test('a tunnel without a number is told without one', () => {
  assert.is(
    tellTunnels([{ kind: 'ipip', id: null, from: 'fd00::1', to: 'fd00::2' }]),
    'inside IP in IP from fd00::1 to fd00::2',
  );
});

test.run();
