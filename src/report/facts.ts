/** Names of what room report keeps in the spool's table of facts. */

/** The event cursor, the count of connections, the devices whose state the broker holds. */
export const FACTS_ROOM = 'mqtt';
/** Nonces of commands that were received. */
export const NONCES_ROOM = 'mqtt-nonces';
