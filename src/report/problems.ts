/** What goes wrong between a site and its broker. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  connecting: (): Explanation => ({
    code: 'mqtt.connecting',
    cause: 'The connection to the broker is being made.',
    advice: 'Wait a moment.',
  }),
  nameUnknown: (host: string): Explanation => ({
    code: 'mqtt.name-unknown',
    cause: `The name ${host} of the broker has no address.`,
    advice: 'Correct the host in mqtt.url, or see to the name servers of the box.',
  }),
  nameServersSilent: (host: string): Explanation => ({
    code: 'mqtt.name-servers-silent',
    cause: `No name server said what address the name ${host} of the broker has.`,
    advice: 'See to the uplink and to the name servers of the box.',
  }),
  unreachable: (place: string, detail: string): Explanation => ({
    code: 'mqtt.unreachable',
    cause: `The broker ${place} can't be reached (${detail}).`,
    advice: 'See whether the broker runs and the firewall of the site lets the box out to its port.',
  }),
  noAnswer: (place: string, seconds: number): Explanation => ({
    code: 'mqtt.no-answer',
    cause: `The broker ${place} did not answer within ${seconds} seconds.`,
    advice: 'See whether mqtt.url names the port of a broker, and whether mqtt or mqtts is spoken there.',
  }),
  tls: (place: string, detail: string): Explanation => ({
    code: 'mqtt.tls',
    cause: `The TLS connection to the broker ${place} was not trusted or failed (${detail}).`,
    advice:
      "Give the authority of the broker's certificate in mqtt.ca, and use the host name that stands in the certificate.",
  }),
  clientCertificate: (place: string, detail: string): Explanation => ({
    code: 'mqtt.client-certificate',
    cause: `The broker ${place} did not take the client certificate of this box (${detail}).`,
    advice: 'Give a valid one in mqtt.certificate, signed by an authority that the broker trusts.',
  }),
  notMqtt: (place: string, detail: string): Explanation => ({
    code: 'mqtt.not-mqtt',
    cause: `What answers at ${place} does not speak MQTT (${detail}).`,
    advice: 'Correct the scheme, port or path in mqtt.url.',
  }),
  packetTooLarge: (bytes: number, bytesMax: number): Explanation => ({
    code: 'mqtt.packet-too-large',
    cause: `The broker sent a packet of ${bytes} bytes; more than ${bytesMax} are not read.`,
    advice: 'See who publishes such a message to this site.',
  }),
  versionRefused: (version: string): Explanation => ({
    code: 'mqtt.version-refused',
    cause: `The broker does not speak MQTT ${version}.`,
    advice: 'Set mqtt.version to the one it speaks, or update the broker.',
  }),
  signInRefused: (): Explanation => ({
    code: 'mqtt.sign-in-refused',
    cause: 'The broker did not take the user name or password.',
    advice: 'Correct mqtt.username and mqtt.password.',
  }),
  notAuthorized: (): Explanation => ({
    code: 'mqtt.not-authorized',
    cause: 'The broker does not let this site in.',
    advice: 'See the user, its access list and the client certificate at the broker.',
  }),
  clientIdRefused: (): Explanation => ({
    code: 'mqtt.client-id-refused',
    cause: 'The broker does not take the site id as client id.',
    advice: 'See which client ids the broker allows to this user.',
  }),
  banned: (): Explanation => ({
    code: 'mqtt.banned',
    cause: 'The broker has banned this client.',
    advice: 'Lift the ban at the broker, and see what made it.',
  }),
  brokerBusy: (): Explanation => ({
    code: 'mqtt.broker-busy',
    cause: 'The broker takes no connections at the moment.',
    advice: 'The box tries again by itself; see to the broker if it lasts.',
  }),
  takenOver: (): Explanation => ({
    code: 'mqtt.taken-over',
    cause: 'Another client has connected with the client id of this site.',
    advice: 'Give each site an id of its own, and see who else uses this one.',
  }),
  refused: (reason: number): Explanation => ({
    code: 'mqtt.refused',
    cause: `The broker refused the connection with reason code ${reason}.`,
    advice: 'The log of the broker says why.',
  }),
  closed: (place: string): Explanation => ({
    code: 'mqtt.closed',
    cause: `The connection to the broker ${place} was closed.`,
    advice: 'The box connects again by itself; see to the broker or the network if it lasts.',
  }),
  notAcknowledged: (seconds: number): Explanation => ({
    code: 'mqtt.not-acknowledged',
    cause: `The broker did not acknowledge a message within ${seconds} seconds.`,
    advice: 'The box connects again by itself; see to the broker if it lasts.',
  }),
  subscribeRefused: (filter: string): Explanation => ({
    code: 'mqtt.subscribe-refused',
    cause: `The broker does not let this site subscribe to ${filter}.`,
    advice: 'Correct the access list of the broker.',
  }),
  publishRefused: (topic: string, reason: string): Explanation => ({
    code: 'mqtt.publish-refused',
    cause: `The broker did not take a message for ${topic} (${reason}).`,
    advice: 'Correct the access list of the broker.',
  }),
  tooMuchWaiting: (): Explanation => ({
    code: 'mqtt.too-much-waiting',
    cause: 'The broker takes messages more slowly than they come.',
    advice: 'See to the broker and the network; what is retained is told again later.',
  }),
  stopped: (): Explanation => ({
    code: 'mqtt.stopped',
    cause: 'The connection to the broker has been stopped.',
    advice: 'Start the agent, or set mqtt in its config.',
  }),
} as const;
