/** Under which name this room keeps its facts in the spool, and so in a backup. */
export const FACTS_ROOM = 'devices';
