/** Questions as people ask them in forums, and the faults behind them. */

import { REDIS } from '../../src/lab/index.js';
import { onHost, ping, withRule, type Question } from './question.js';

/** As firewalld writes it: what comes from outside to a container is not among its services. */
const FIREWALLD = `table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority 10; policy accept;
    ct state established,related accept
    tcp dport 6379 reject with icmpx type admin-prohibited
  }
}`;

/** As ufw writes it: everything is denied that is not allowed. */
const UFW = 'INPUT -p tcp --dport 8080 -j DROP';

export const QUESTIONS: readonly Question[] = [
  {
    asked: 'My container is running, and the connection is refused. Why?',
    about: ['7379'],
    from: 'client',
    client: ping('{host}', 7379),
    says: [
      /refused/,
      /no container publishes 7379/,
      /what listens on 7379: 0\.0\.0\.0:7379 in unpublished \(redis-server, pid \d+\)/,
    ],
    answer: 'It was started without `-p`. What is published instead stands there.',
  },
  {
    asked: 'I published the port, and it is still refused.',
    about: ['8081'],
    from: 'client',
    client: ping('{host}', 8081),
    says: [/refused, as nothing listens on wrongport \({wrongport}:8000\)/],
    answer: 'The wrong container port was published: `8081:8000`, and the server listens on 6379.',
  },
  {
    asked: 'It works inside the container, from outside it is refused.',
    about: ['8082'],
    from: 'client',
    client: ping('{host}', 8082),
    says: [/refused, as inside \({inside}:6379\) listens on its own 127\.0\.0\.1 only/],
    answer: 'The server listens on its container’s own 127.0.0.1. Let it listen on 0.0.0.0.',
  },
  {
    asked: 'A port check says that it is open, and then the connection is reset.',
    about: ['8082'],
    from: 'host',
    client: ping('127.0.0.1', 8082),
    says: [/reset, as inside .* listens on its own 127\.0\.0\.1 only; .* docker-proxy/],
    answer:
      'docker-proxy accepts for a container that does not: an open port shows docker-proxy, not the server.',
  },
  {
    asked: 'The connection hangs, and nothing is in any log.',
    about: ['8083'],
    from: 'client',
    client: ping('{host}', 8083),
    breakIt: withRule((stage) => `DOCKER-USER -p tcp -d ${stage.fill('{barred}')} -j DROP`),
    says: [/dropped by DOCKER-USER \(rule ".*DROP"\) after ext0/, /DNAT in PREROUTING/],
    answer: 'A rule in DOCKER-USER drops it; it is named.',
  },
  {
    asked: 'I denied the port in ufw, and everybody can still reach my container.',
    about: ['8080'],
    from: 'client',
    client: ping('{host}', 8080),
    breakIt: withRule(() => UFW),
    says: [/answered, by DNAT in PREROUTING \(proven\)/],
    answer: 'DNAT takes it past INPUT, where ufw denies. Use DOCKER-USER, or publish on 127.0.0.1.',
  },
  {
    asked: 'Since firewalld runs, my container is unreachable ("No route to host").',
    about: ['8080'],
    from: 'client',
    client: ping('{host}', 8080),
    breakIt: async ({ lab }) => {
      await lab.exec('host', ['nft', '-f', '-'], { input: FIREWALLD });
      return async () => lab.exec('host', ['nft', 'delete', 'table', 'inet', 'firewalld']);
    },
    says: [/(?:rejected|dropped) by .*filter_FORWARD \(rule ".*reject.*"\)/, /DNAT in PREROUTING/],
    answer: 'A rule of firewalld’s own table rejects it after Docker’s DNAT; it is named.',
  },
  {
    asked: 'I reach it on the server itself, from my laptop it is refused.',
    about: ['8084'],
    from: 'client',
    client: ping('{host}', 8084),
    says: [/refused/, /8084 is published on 127\.0\.0\.1:8084/],
    advises: /publish it on 0\.0\.0\.0 \(run it with -p 0\.0\.0\.0:8084:6379\)/,
    remedied: async ({ lab }) => {
      await lab.docker(['rm', '-f', 'local']);
      await lab.run({ name: 'local', command: REDIS, publish: ['0.0.0.0:8084:6379'] });
    },
    answer: 'It is published on 127.0.0.1 only.',
  },
  {
    asked: 'All visitors have the address 172.17.0.1. Where is the client’s address?',
    about: ['8080'],
    from: 'client',
    client: ping('{host.ipv6}', 8080),
    says: [/docker-proxy \(proven\)/, /redis sees the relay's address 172\.17\.0\.1/],
    answer:
      'They come by IPv6, and the container has none: docker-proxy connects for them. Give the network IPv6.',
  },
  {
    asked: 'IPv4 works, IPv6 is refused.',
    about: ['8085'],
    from: 'client',
    client: ping('{host.ipv6}', 8085),
    says: [/refused/, /8085 is published on 0\.0\.0\.0:8085/],
    answer: 'It is published on 0.0.0.0, which is IPv4 only.',
  },
  {
    asked: 'It works from outside, and not from localhost.',
    about: ['8085'],
    from: 'host',
    client: ping('127.0.0.1', 8085),
    breakIt: async (stage) => {
      // Started by this lab's own engine.
      for (const pid of await stage.findRelays(8085)) process.kill(pid, 'SIGKILL');
      return () => Promise.resolve();
    },
    says: [/refused by the host, as nothing listens there/, /8085 is published on 0\.0\.0\.0:8085/],
    answer: 'docker-proxy has died: DNAT does not need it, localhost does. Restart the container.',
  },
  {
    asked: 'The host reaches its own service, a container does not.',
    about: ['7000'],
    from: 'app',
    client: ping('{app.gateway}', 7000),
    breakIt: withRule(() => 'INPUT -i docker0 -p tcp --dport 7000 -j DROP'),
    says: [/dropped by INPUT \(rule ".*-i docker0 .*DROP"\)/],
    answer: 'A firewall of the host drops what comes from docker0; the rule is named.',
  },
  {
    asked: 'Two containers cannot talk to each other.',
    about: ['6379'],
    from: 'app',
    client: ping('{db}', 6379),
    says: [/dropped by DOCKER-ISOLATION-STAGE-2/],
    advises: /put both containers into one/,
    answer: 'They are in two networks, which Docker keeps apart. Put both into one network.',
  },
  {
    asked: 'Does traffic between two containers go through docker-proxy?',
    about: ['6379'],
    from: 'app',
    client: ping('{redis}', 6379),
    says: [/answered, directly to the container's address \(proven\)/],
    answer: 'No: over the bridge, without NAT and without docker-proxy.',
  },
  {
    asked: 'What way does `--network host` take?',
    about: ['7000'],
    from: 'client',
    client: ping('{host}', 7000),
    says: [/answered, at the host itself \(proven\)/],
    answer: 'None of Docker’s: the server has a socket of the host.',
  },
  {
    asked: 'A container cannot reach itself by the server’s public address (hairpin).',
    about: ['8080'],
    from: 'redis',
    client: ping('{host}', 8080),
    says: [/answered, through docker-proxy \(proven\)/, /172\.17\.0\.1/],
    answer:
      'Here it can: docker-proxy takes it, since DNAT leaves out what comes from its own bridge.',
  },
  {
    asked: 'The host cannot reach its macvlan container, everybody else can.',
    about: ['6379'],
    from: 'host',
    client: ping('198.51.100.77', 6379),
    says: [/dropped, as nobody on the link answered for onlan \(198\.51\.100\.77:6379\)/],
    advises: /macvlan .* is not reached from its own host/,
    answer:
      'A host and its macvlan children cannot talk: the kernel keeps them apart. Give the host a macvlan device of its own.',
  },
  {
    asked: 'Small requests work, large ones hang.',
    about: ['8080'],
    from: 'client',
    client: ['sh', '-c', 'head -c 9000 /dev/zero | timeout 4 redis-cli -h {host} -p 8080 -x set k'],
    breakIt: onHost(
      (stage) => [
        'sh',
        '-c',
        `ip route add ${stage.fill('{redis}')} dev docker0 mtu 900; iptables -w -I OUTPUT -p icmp -j DROP`,
      ],
      (stage) => [
        'sh',
        '-c',
        `ip route del ${stage.fill('{redis}')}; iptables -w -D OUTPUT -p icmp -j DROP`,
      ],
    ),
    says: [/stalled after the handshake, .* too big for an MTU of 900/],
    answer: 'An MTU on the way is smaller, and the ICMP message that says so is blocked.',
  },
  {
    asked: 'Is docker-proxy the bottleneck?',
    about: ['8080'],
    from: 'host',
    client: [
      'sh',
      '-c',
      'for host in 127.0.0.1 {host}; do redis-benchmark -h $host -p 8080 -c 1 -n 200 -t ping_mbulk -q; done',
    ],
    says: [
      /connections answered, .*by DNAT in OUTPUT.*through docker-proxy|connections answered, .*through docker-proxy.*by DNAT in OUTPUT/,
    ],
    answer:
      'The table below the line has both ways beside each other, with the median of the first reply.',
  },
  {
    asked: 'The container gets the SYN and its answer never arrives.',
    about: ['8087'],
    from: 'client',
    client: ping('{host}', 8087),
    says: [/unanswered: the SYN reached lost \({lost}:6379\), and no answer came back/],
    answer:
      'Here the container has no route back to the client. Where the SYN arrives and the kernel is silent, the fault is in the container’s own routes or rules.',
  },
  {
    asked: 'The connection is reset in the middle.',
    about: ['8086'],
    from: 'client',
    client: ping('{host}', 8086),
    says: [/reset by the server in crashing/],
    answer: 'The server itself resets it, not the network.',
  },
  {
    asked: 'It connects, and then nothing comes.',
    about: ['8088'],
    from: 'client',
    client: ping('{host}', 8088),
    says: [/unanswered: frozen .* accepted the connection, and nothing came back/],
    answer: 'The kernel accepts, the process does not read: it is paused or stuck.',
  },
  {
    asked: 'Containers worked until the server was rebooted; now everything hangs.',
    about: ['8080'],
    from: 'client',
    client: ping('{host}', 8080),
    breakIt: onHost(
      () => ['sysctl', '-qw', 'net.ipv4.ip_forward=0'],
      () => ['sysctl', '-qw', 'net.ipv4.ip_forward=1'],
    ),
    says: [/dropped .* after ext0, as was predicted: .*forward/],
    answer: 'Forwarding is off: something sets `net.ipv4.ip_forward=0` after Docker has started.',
  },
];
