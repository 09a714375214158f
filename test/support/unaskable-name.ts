/**
 * A host name that no name server is asked for, because a label of it is too long (RFC 1035 section 2.3.4): the system
 * says at once that there is none, whatever name servers a machine has and however long they take.
 */
export const UNASKABLE_NAME = `broker.fabrikam.${'x'.repeat(64)}`;
