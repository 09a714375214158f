/** Where the process that makes certificates reads its request, as `v8.serialize` writes it: a key belongs into no argument. */
export const REQUEST_FD = 3;
