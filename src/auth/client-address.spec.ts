import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { MusterConfig } from '../config/muster-config.js';
import { ClientAddress, countedAs } from './client-address.service.js';

/** A request from `peer` with these headers. */
function from(peer: string | undefined, headers: Record<string, string> = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  return Object.assign(new IncomingMessage(socket), { headers });
}

const addresses = (trusted: string) => new ClientAddress(new MusterConfig({ MUSTER_TRUSTED_PROXIES: trusted }));

describe('the address of a client', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::1', '::1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['nonsense', undefined],
    ['1', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is counted as %s', (given, expected) => expect(countedAs(given)).toBe(expected));

  it.each([
    ['', '127.0.0.1', '198.51.100.1', '127.0.0.1'],
    ['10.0.0.7', '10.0.0.8', '198.51.100.1', '10.0.0.8'],
    ['10.0.0.7', '10.0.0.7', '198.51.100.1', '198.51.100.1'],
    ['10.0.0.7', '10.0.0.7', '198.51.100.1, 198.51.100.2', '198.51.100.2'],
    ['10.0.0.0/8', '10.0.0.7', '198.51.100.1, 198.51.100.2, 10.9.9.9', '198.51.100.2'],
    ['10.0.0.0/8', '::ffff:10.0.0.7', '198.51.100.1', '198.51.100.1'],
    ['2001:db8::/32', '2001:db8::7', '198.51.100.1', '198.51.100.1'],
    ['10.0.0.7', '10.0.0.7', '198.51.100.1:443', '198.51.100.1'],
    ['10.0.0.7', '10.0.0.7', '[2001:db8:1:2::3]:443', '2001:db8:1:2::/64'],
    ['10.0.0.7', '10.0.0.7', 'unknown', '10.0.0.7'],
    ['10.0.0.7', '10.0.0.7', '', '10.0.0.7'],
    ['10.0.0.7', undefined, '198.51.100.1', 'unknown'],
  ])('with %j trusted, a request from %s for %j is of %s', (trusted, peer, forwarded, expected) =>
    expect(addresses(trusted).of(from(peer, { 'x-forwarded-for': forwarded }))).toBe(expected),
  );

  it('takes host and protocol from the nearest trusted proxy', () => {
    const headers = { host: 'inner', 'x-forwarded-host': 'mine, outer.example', 'x-forwarded-proto': 'http, HTTPS' };
    const trusting = addresses('10.0.0.7');
    expect([trusting.hostOf(from('10.0.0.7', headers)), trusting.isSecure(from('10.0.0.7', headers))]).toEqual(['outer.example', true]);
    expect([trusting.hostOf(from('10.0.0.8', headers)), trusting.isSecure(from('10.0.0.8', headers))]).toEqual(['inner', false]);
    expect(trusting.hostOf(from('10.0.0.7', { host: 'inner' }))).toBe('inner');
  });
});
