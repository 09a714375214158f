/** Many SNMP agents in one process, for a network that is full: `node crowd.ts FIRST COUNT` adds 192.168.50.FIRST and so on. */
import { execFileSync } from 'node:child_process';
import { startSnmpAgent } from './snmp-agent.ts';

const [first = 0, count = 0] = process.argv.slice(2).map(Number);
const addresses = Array.from({ length: count }, (_, number) => `192.168.50.${first + number}`);
const input = addresses.map((address) => `address add ${address}/24 dev eth0\n`).join('');
execFileSync('ip', ['-batch', '-'], { input });
for (const address of addresses) {
  await startSnmpAgent({
    ...{ address, port: 161, objectId: '1.3.6.1.4.1.2385.3.1.112.1.2' },
    values: { '1.3.6.1.2.1.1.1.0': 'SHARP MX-3570N', '1.3.6.1.2.1.1.5.0': `sharp at ${address}` },
  });
}
console.log('ready');
