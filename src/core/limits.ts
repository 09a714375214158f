/** Every bound in the product that is not a setting, each with its reason. Times in milliseconds, sizes in bytes. */

const KIB = 1024;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const LIMITS = {
  /** A banner held back for implicit TLS waits no longer: an SMTP device reads the banner first. */
  bannerWaitMaxMs: 300,
  /** Slowest devices pause minutes between commands; RFC 5321 4.5.3.2.7 asks a server for 5 minutes. */
  commandIdleMaxMs: 5 * MINUTE,
  /** A whole session: a 36 MB scan at the minimum rate plus pauses fits; a forgotten socket does not stay. */
  sessionMaxMs: 2 * 60 * MINUTE,
  /** Pause inside DATA: MFPs scan page by page while sending (facts/devices.md Q19). */
  dataIdleMaxMs: 10 * MINUTE,
  /** Minimum rate in DATA after the first minute, as Postfix's smtpd_min_data_rate. */
  dataBytesPerSecondMin: 500,
  dataRateGraceMs: MINUTE,
  /** TLS 1.0 handshakes on old MFPs take seconds; a stuck one is cut. */
  tlsHandshakeMaxMs: 60 * SECOND,
  /** Header block: real ones are under 8 KiB; memory per session is bounded by it. */
  headerBytesMax: 256 * KIB,
  /** Connections in all: memory per session times this stays under the box's. */
  connectionsMax: 500,
  /** Connections of one address: a device uses one to four. */
  connectionsPerAddressMax: 20,
  /** Failed sign-ins of one address before AUTH is refused for a while. */
  authFailuresMax: 10,
  authFailureWindowMs: 10 * MINUTE,
  recipientsPerMessageMax: 500,
  /** Unacknowledged chunks of one message on their way to the spool thread. */
  chunksInFlightMax: 4,
  /** A reply of the other side longer than this is cut for the records. */
  replyTextMax: 4 * KIB,
  /** Longest wait for the reply to the final dot (RFC 5321 4.5.3.2.6: at least 10 minutes). */
  finalReplyMaxMs: 10 * MINUTE,
  /** Clean stop: what has not finished by then is settled at the next start. */
  stopMaxMs: 10 * SECOND,
} as const;
