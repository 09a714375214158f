/** Every bound in the product that is not a setting, each with its reason. Times in milliseconds, sizes in bytes. */
import { MINUTE_MS as MINUTE, SECOND_MS as SECOND } from './durations.ts';

const KIB = 1024;

export const LIMITS = {
  /** A banner held back for implicit TLS waits no longer: an SMTP device reads the banner first. */
  bannerWaitMaxMs: 300,
  /** Banner wait for an address not known for implicit TLS: a hello is there within a few network round trips. */
  bannerWaitMs: 150,
  /** A command line; an AUTH line may have 12,288 octets (RFC 4954 section 4). */
  commandLineBytesMax: 16 * KIB,
  /** Unread bytes of a device before its socket is paused. */
  deviceUnreadBytesMax: 64 * KIB,
  /** Time a device gets to read the last reply and close before the socket is cut. */
  closeLingerMs: 5 * SECOND,
  /** Two RSA keys take a second on a PC. A process that makes certificates for longer than this hangs. */
  issuerMaxMs: 5 * MINUTE,
  /** Turned-away connections that are given this time; more are cut at once, so that hammering can't use up sockets. */
  turnedAwayMax: 50,
  /**
   * Sockets of one listener, a last resort: all connections that may be served, those being
   * turned away, and as many again that are cut but not yet closed.
   */
  listenerSocketsMax: 600,
  /** Addresses remembered for implicit TLS; a site has a few dozen devices. */
  learnedDevicesMax: 1000,
  /** A TLS hello that is read for what it offers: those of browsers have 2 KiB; a longer one is answered unread. */
  helloBytesMax: 16 * KIB,
  /** Cipher suites remembered of a hello; old OpenSSL offers 80. */
  helloSuitesMax: 96,
  /** What is measured of a device is written at most this often while it changes: SD cards wear. */
  measuredSaveEveryMs: 60 * MINUTE,
  /** Lines of a captured session: its file may have 500 steps. */
  captureLinesMax: 450,
  /** Longest wait for a device that is to be captured: somebody stands at the panel. */
  captureWaitMaxMs: 60 * MINUTE,
  /** Devices that were approved without an entry in the config; a site has a few dozen. */
  approvedDevicesMax: 500,
  /** Pieces in which a hello may come before it is answered unread: each is a look at all before it. */
  helloPiecesMax: 64,
  /** Addresses whose sign-in failures, message counts and refusals are tracked at once. */
  trackedAddressesMax: 10_000,
  /** One record of the same refusal per address in this time: a hammering device must not wear the disk. */
  refusalRecordEveryMs: MINUTE,
  /** Window of the messagesPerHour settings. */
  messageRateWindowMs: 60 * MINUTE,
  /** Slowest devices pause minutes between commands; RFC 5321 4.5.3.2.7 asks a server for 5 minutes. */
  commandIdleMaxMs: 5 * MINUTE,
  /** A whole session: a 36 MB scan at the minimum rate plus pauses fits; a forgotten socket does not stay. */
  sessionMaxMs: 2 * 60 * MINUTE,
  /** Pause inside DATA: MFPs scan page by page while sending (docs/reference/quirks.md Q19). */
  dataIdleMaxMs: 10 * MINUTE,
  /** Minimum rate in DATA after the first minute, as Postfix's smtpd_min_data_rate. */
  dataBytesPerSecondMin: 500,
  dataRateGraceMs: MINUTE,
  /** TLS 1.0 handshakes on old MFPs take seconds; a stuck one is cut. */
  tlsHandshakeMaxMs: 60 * SECOND,
  /** Unfinished messages of one device kept in the window of messagesPerHour: evidence, not a way to fill the disk. */
  unfinishedKeptMax: 20,
  /** Header block: real ones are under 8 KiB; memory per session is bounded by it. */
  headerBytesMax: 256 * KIB,
  /** Connections in all: memory per session times this stays under the box's. */
  connectionsMax: 500,
  /** Failed sign-ins of one address before AUTH is refused for a while. */
  authFailuresMax: 10,
  authFailureWindowMs: 10 * MINUTE,
  recipientsPerMessageMax: 500,
  /** Parts of one split message: Xerox devices can be set to 2 to 500 (docs/sources.md). */
  joinPartsMax: 500,
  /** Split messages that wait for parts at once; the one that has waited longest goes out as it is when more come. */
  joinsWaitingMax: 200,
  /** A part comes as soon as the one before it is accepted; after this pause it won't. */
  joinWaitMs: 10 * MINUTE,
  /** A join that the spool refused (full for the moment) is tried again after this. */
  joinRetryMs: 30 * SECOND,
  /** Unacknowledged chunks of one message on their way to the spool thread. */
  chunksInFlightMax: 2,
  /** Bytes of unfinished bodies written before a commit of their own: nobody's 250 waits for more of another's scan. */
  spoolUncommittedBytesMax: 4 * 1024 * KIB,
  /**
   * Share of `spool.maxBytes` for bodies that wait for a person: whoever nobody registered must not take the room of
   * the devices that are known, for as long as `failedKeepDays`.
   */
  spoolHeldShareMax: 0.5,
  /** Notices: failures of one attempt come together, so it is waited a moment; and then they are read at once. */
  noticeGatherMs: 2 * SECOND,
  /** Notices: troubles read at once, and those among them that one digest names; the rest it counts. */
  noticeTroublesPageMax: 1000,
  noticeDigestCasesMax: 100,
  /** Notices: different causes that one notice spells out; each may quote a reply. */
  noticeCausesMax: 50,
  /** Notices: a write that failed is tried again after this. */
  noticeRetryMs: MINUTE,
  /** Notices: how often it is looked whether messages wait for long, and how long that is. */
  noticeDelayLookMs: 60 * MINUTE,
  noticeDelayMs: 24 * 60 * MINUTE,
  /** Notices: unknown devices remembered as told of; a site has a few dozen devices. */
  noticeDevicesMax: 500,
  /** Where so many share a commit it waits so long for more; a commit itself takes 3 ms and more. */
  spoolCompanyMin: 4,
  spoolCompanyWaitMs: 20,
  /** A body up to this size goes along with its claim; as many as may be under way lie in memory. */
  claimedBodyBytesMax: 32 * KIB,
  /** Page cache of the spool's connection; a larger transaction spills to the file early. */
  spoolCacheBytes: 8 * 1024 * KIB,
  /** Chunks erased in one commit (7.75 MiB): the next 250 waits for no more. */
  spoolEraseChunksMax: 32,
  /** Free space is asked of the file system at most this often; `minFreeBytes` covers what comes in between. */
  spoolFreeSpaceAgeMs: SECOND,
  /** Housekeeping: how often, and messages or events looked at before others get their turn. */
  spoolHousekeepingMs: 60 * MINUTE,
  spoolHousekeepingRowsMax: 500,
  /** Free pages kept in the file for the next burst of scans. */
  spoolFreeBytesKept: 64 * 1024 * KIB,
  /** Live bytes of a spool that is written anew to give the disk back the rest: 6 s on an SD card. */
  spoolCompactBytesMax: 128 * 1024 * KIB,
  /** Damaged database files kept for a person to look at: each may be as large as the spool. */
  spoolDamagedFilesMax: 2,
  /** Messages, claims or events in one answer of the spool: a few megabytes between its thread and the agent. */
  spoolAnswerRowsMax: 10_000,
  /**
   * Messages that one look of a search reads before others get their turn: some milliseconds, ten times that on a small
   * box.
   */
  spoolLookMessagesMax: 2000,
  /** Messages one operator action changes in one transaction. */
  spoolActBatchMax: 500,
  /** JSON text of one fact: a sealed token has about 4 KiB. */
  spoolFactBytesMax: 256 * KIB,
  /** Clean end of the spool thread; after it the thread is ended, and the next start rolls back what was open. */
  spoolCloseMaxMs: 5 * SECOND,
  /** A reply of the other side longer than this is cut for the records. */
  replyTextMax: 4 * KIB,
  /** Longest wait for the reply to the final dot (RFC 5321 4.5.3.2.6: at least 10 minutes). */
  finalReplyMaxMs: 10 * MINUTE,
  /** A final dot waits so long for its note: longer than a spool that is being written anew; servers wait for minutes. */
  finalDotNoteMaxMs: 30 * SECOND,
  /** Recipients that the history names of an attempt which a fault of the route ended: an outage of days has 400 of them. */
  faultRecipientsMax: 20,
  /** Deliveries under way at once, whatever the routes allow: each holds a socket and stream buffers. */
  deliveriesMax: 50,
  /** Longest sleep of the dispatcher: a jump of the wall clock is noticed within it. */
  dispatchSleepMaxMs: MINUTE,
  /** How often a clock that is not set is looked at again. */
  clockPollMs: 2 * SECOND,
  /**
   * How long after the start a clock behind the newest event is not believed: a time server answers within minutes, if at
   * all, and where there is none, an event of a clock that ran ahead must not hold mail back for ever.
   */
  clockDoubtMaxMs: 15 * MINUTE,
  /** A wall clock that moves this much against the monotonic one has been set, not slewed (NTP slews below 128 ms). */
  clockJumpMinMs: MINUTE,
  /** Longest wait between two attempts, whatever the other side asks for; a later time in the spool is a clock's mistake. */
  retryDelayMaxMs: 4 * 60 * MINUTE,
  /** Longest pause of a route that the other side may ask for: its quotas run over 24 hours. */
  routePauseMaxMs: 24 * 60 * MINUTE,
  /** Time for deliveries under way to end by themselves at a stop, and time after which they are left alone. */
  deliveryStopGraceMs: 3 * SECOND,
  deliveryStopHardMs: 5 * SECOND,
  /** Messages looked at in one search for those that grew too old; about 5 MB of claims. */
  agedSweepMessagesMax: 10_000,
  /** Device and sender pairs remembered as refused; a site has a few dozen devices. */
  heldSendersMax: 1000,
  /** Released messages of a refused sender that are remembered until they are tried: an operator releases hundreds at most. */
  heldReleasesMax: 10_000,
  /** Longest wait before a write that the spool refused is tried again: sending goes on that long after the disk does. */
  writeRetryMaxMs: MINUTE,
  /** Tries of a write that fails for a reason nobody knows: two minutes with the keeper's waits, then its place is freed. */
  unexplainedWriteTriesMax: 8,
  /** Route events waiting for a spool that can't write; each route makes one per pause at most. */
  recordsWaitingMax: 1000,
  /** One DNS question: resolvers of offices answer in milliseconds, or not at all. */
  dnsTimeoutMs: 5 * SECOND,
  dnsTries: 2,
  /** Name lookups of a route, all tries together; past it the name servers count as down. */
  routeLookupMaxMs: 20 * SECOND,
  /** One TCP connect of a route: a path that drops packets must not hold up the next address. */
  routeConnectMaxMs: 15 * SECOND,
  /** MX hosts and addresses of a host that one attempt tries; Microsoft publishes one and up to eight. */
  routeHostsMax: 5,
  routeAddressesMax: 8,
  /** Waits of the sending side (RFC 5321 4.5.3.2: greeting, MAIL and RCPT 5 min, DATA 2 min, data block 3 min). */
  routeReplyMaxMs: 5 * MINUTE,
  routeDataReplyMaxMs: 2 * MINUTE,
  routeDataBlockMaxMs: 3 * MINUTE,
  /** A body up to this size is read whole before it is sent: less than one chunk of the spool, which is in memory anyway. */
  wholeBodyBytesMax: 64 * KIB,
  /** A reply longer than this ends the connection; one of 1 MiB is still read, so that a 250 counts. */
  routeReplyBytesMax: 2 * 1024 * KIB,
  /** A connection without work is closed: a mailbox has only three, and an MX counts who stays. */
  routeIdleMaxMs: 5 * SECOND,
  /** Age past which a connection takes no further message: Microsoft's MX cuts one at some 20 minutes (4.4.1). */
  routeConnectionAgeMaxMs: 3 * MINUTE,
  /** Messages over one connection, so that a balanced host is found again now and then. */
  routeMessagesPerConnectionMax: 50,
  /** Saying goodbye: after it the socket is cut. */
  routeQuitMaxMs: 3 * SECOND,
  /** One request to the sign-in service; answers are a few KiB. */
  signInRequestMaxMs: 30 * SECOND,
  signInResponseBytesMax: 256 * KIB,
  /** A token is renewed this long before it ends, so that none ends in a session. */
  tokenRenewAheadMs: 5 * MINUTE,
  /** After it a start has left its garbage behind, which is then collected once. */
  startSettledMs: 10 * SECOND,
  /** The same of the spool's thread, at another time: what V8 is set to for it holds for the whole process. */
  threadSettledMs: 13 * SECOND,
  /**
   * Clean stop, all in all; a service manager kills soon after. What has not finished by then is settled at the next
   * start. Taking in and sending out stop side by side within `roomStopMaxMs`, then the spool commits and closes.
   */
  stopMaxMs: 10 * SECOND,
  roomStopMaxMs: 7 * SECOND,
  /** MQTT: one connect with TLS and CONNACK; a slow mobile line takes seconds. */
  brokerConnectMaxMs: 30 * SECOND,
  /** MQTT: a broker takes a connection that is silent for one and a half times this as lost (3.1.1 section 3.1.2.10). */
  brokerKeepaliveMs: MINUTE,
  /**
   * MQTT: the window of the first wait after a lost connection, and of the longest. Ten thousand sites that lose their
   * broker together come back at a thousand a second, what a listener of EMQX takes in its example (docs/sources.md).
   */
  brokerBackoffMinMs: 10 * SECOND,
  brokerBackoffMaxMs: 5 * MINUTE,
  /** MQTT: a connection that lasted this long was a good one: the waits begin anew. */
  brokerStableMs: MINUTE,
  /** MQTT: an acknowledgement takes a network round trip; without it the connection is made anew. */
  brokerAcknowledgeMaxMs: 20 * SECOND,
  /** MQTT: messages on their way at once (Mosquitto takes 20 by default), and calls that wait for a place. */
  brokerInFlightMax: 20,
  brokerWaitingMax: 1000,
  /** MQTT: incoming packets; a command with a whole config fits. A longer one ends the connection. */
  brokerPacketBytesMax: 256 * KIB,
  /** MQTT: saying goodbye; after it the socket is cut. */
  brokerGoodbyeMaxMs: 2 * SECOND,
  /** MQTT: events in one look at the table, and told a second after an outage: ten thousand sites come back at once. */
  reportEventBatchMax: 100,
  reportEventsPerSecondMax: 20,
  /** MQTT: events passed over at once when the site reports for the first time. */
  reportEventSkipMax: 1000,
  /** MQTT: how often the event cursor is written: a few hundred small writes a day at most. */
  reportCursorEveryMs: 5 * MINUTE,
  /** MQTT: least time between two publications of health, and when its numbers are told again without a change. */
  reportHealthMinGapMs: 2 * SECOND,
  reportHealthRefreshMs: 5 * MINUTE,
  /** MQTT: least time between two answers to our own `offline`, should somebody publish it again and again. */
  reportOnlineAgainMs: 5 * SECOND,
  /** MQTT: Home Assistant starts: all sites announce themselves again, spread over this (its documentation asks for it). */
  reportHomeAssistantSpreadMs: 30 * SECOND,
  /** MQTT: a payload, and the problems in one; MQTT Explorer cuts off at 20,000 bytes (docs/sources.md). */
  reportPayloadBytesMax: 18_000,
  reportProblemsMax: 20,
  /** MQTT: devices whose state is published; a site has a few dozen. */
  reportDevicesMax: 256,
  /** Commands: one with a whole config or a pack of profiles fits. */
  commandBytesMax: 192 * KIB,
  /** Commands: the JSON of a result, and characters of a sentence: MQTT Explorer cuts off at 20,000 bytes (docs/sources.md). */
  commandResultBytesMax: 16 * KIB,
  commandSentenceMax: 4000,
  /** Commands: being carried out at once, and behind them. */
  commandsAtOnceMax: 4,
  commandsWaitingMax: 16,
  /** Commands: the longest life that a signature may give, and how far the clocks of both sides may differ. */
  commandLifeMaxMs: 24 * 60 * MINUTE,
  commandClockSkewMs: MINUTE,
  /** Commands: nonces remembered, and how long after the end of the command. */
  commandNoncesMax: 10_000,
  commandNonceKeepMs: 24 * 60 * MINUTE,
  /** Commands: rejected ones that are recorded and answered in a minute; nobody may wear the disk by sending nonsense. */
  commandRejectionsPerMinuteMax: 10,
  /** Commands: a config, and how long health is watched after it: a lost broker is told after two minutes. */
  configBytesMax: 128 * KIB,
  configTrialMinMs: MINUTE,
  configTrialDefaultMs: 5 * MINUTE,
  configTrialMaxMs: 24 * 60 * MINUTE,
  /** Commands: what a restart waits for, so that its answer is on its way. */
  restartDelayMs: SECOND / 2,
  /** Home Assistant: presses of a button that are obeyed in a minute; anybody on the broker can press. */
  buttonPressesPerMinuteMax: 6,
  /** Fleet: sites of one broker that are watched; the tenth thousand was measured, and a broker carries few more. */
  fleetSitesMax: 20_000,
  /** Fleet: devices kept of one site; a site has a few dozen. */
  fleetDevicesPerSiteMax: 256,
  /** Fleet: a payload longer than this is not read; health of a large site has about 20 KB. */
  fleetPayloadBytesMax: 64 * KIB,
  /** Fleet: characters kept of a sentence or a name that a site sends; ours are far shorter. */
  fleetTextMax: 500,
  /** Fleet: problems and readings kept of one site's health. */
  fleetProblemsMax: 50,
  fleetReadingsMax: 1000,
  /** Fleet: an `offline` is looked at again after this: an agent that is there says `online` at once. */
  fleetOfflineSettleMs: 5 * SECOND,
  /**
   * Fleet: the same right after a new connection of the site: a broker ends the old one after one and a half
   * keepalives of 60 s (MQTT 3.1.1 section 3.1.2.10), and its will comes late.
   */
  fleetLateWillMs: 100 * SECOND,
  /** Fleet: a site is back after this for certain when the broker is: the longest wait of a site, and its try. */
  fleetReturnMs: 5.5 * MINUTE,
  /** Fleet: telemetry of the default interval is missing for certain after this; a longer interval waits longer. */
  fleetSilentMinMs: 3 * MINUTE,
  /** Fleet: how often the states that depend on time alone are looked at. */
  fleetJudgeEveryMs: SECOND,
  /** Fleet: how long nothing new may come before the retained state counts as read, and how long in all. */
  fleetSettleQuietMs: SECOND,
  fleetSettleMaxMs: 30 * SECOND,
  /** Fleet: alert commands that wait; more are counted and said, not run. */
  fleetAlertCommandsMax: 100,
  fleetAlertCommandMaxMs: 30 * SECOND,
  /** Fleet: history of one site in memory before it is written, and how often that is done (one commit). */
  fleetHistoryWriteEveryMs: 5 * SECOND,
  fleetHistoryRowsWaitingMax: 100_000,
  /** Fleet: events kept of one site in the history; a busy site has a few hundred a day. */
  fleetEventsPerSiteMax: 2000,
  /** Fleet: JSON of one event in the history; ours have a few hundred characters. */
  fleetEventBytesMax: 4 * KIB,
  /** Fleet: commands and their answers remembered for the page; the sites keep the audit. */
  fleetCommandsMax: 200,
  /** Fleet: how long a command may be obeyed after it was signed. */
  fleetCommandExpiresMs: 5 * MINUTE,
  /** Fleet: sites one `fleet send` speaks to. */
  fleetSendSitesMax: 20_000,
  /** Pages: a form that a person fills in; a whole config fits. */
  pageFormBytesMax: 256 * KIB,
  /** Pages: connections of browsers, each of which holds a few; the box page is read by a person or two. */
  pageConnectionsMax: 512,
  boxPageConnectionsMax: 64,
  /** Fleet: connections of Prometheus and its like. */
  fleetMetricsConnectionsMax: 32,
  /** Pages: browsers that follow live, each an open connection. */
  pageFollowersMax: 64,
  /** Pages: how often those are told that there is something new, and that the connection still stands. */
  pageChangeEveryMs: 2 * SECOND,
  pageHeartbeatMs: 25 * SECOND,
  /** Pages: sessions that are signed in, and how long one lasts without use. */
  pageSessionsMax: 100,
  pageSessionIdleMs: 12 * 60 * MINUTE,
  /** Pages: failed sign-ins in the window before all wait; a guess costs tens of milliseconds of CPU as well. */
  pageSignInFailuresMax: 10,
  pageSignInWindowMs: 10 * MINUTE,
  /** Discovery: addresses asked in one search, a /20; at a gentle rate that takes some minutes. */
  discoveryAddressesMax: 4096,
  /** Discovery: addresses looked at side by side; each holds up to three sockets. */
  discoveryWorkersMax: 24,
  /** Discovery: a whole search, whatever the devices do. */
  discoverySearchMaxMs: 30 * MINUTE,
  /** Discovery: an SNMP agent answers within milliseconds, and a device that wakes up within a second or two. */
  discoverySnmpMaxMs: SECOND,
  discoverySnmpTries: 2,
  /** Discovery: names in one SNMP question; the answer stays below 1472 bytes of payload, one Ethernet frame. */
  discoverySnmpOidsMax: 8,
  /** Discovery: a TCP connection on the own network; the second SYN goes out after one second (RFC 6298). */
  discoveryConnectMaxMs: 2 * SECOND,
  /** Discovery: attributes of an IPP printer; a whole set has 14 KB (python-ipp's fixtures), the asked ones far less. */
  discoveryIppMaxMs: 4 * SECOND,
  discoveryIppBytesMax: 128 * KIB,
  discoveryIppAttributesMax: 1000,
  /** Discovery: a web page's title stands in its first lines. */
  discoveryHttpMaxMs: 3 * SECOND,
  discoveryPageBytesMax: 32 * KIB,
  discoveryRedirectsMax: 3,
  /** Discovery: the handshake with an old device's web server takes a second or two. */
  discoveryTlsMaxMs: 4 * SECOND,
  discoverySubjectPartsMax: 20,
  /** Discovery: a responder of DNS-SD waits up to 120 ms (RFC 6762 section 6), on Wi-Fi longer; the question is repeated. */
  discoveryBrowseMs: 3 * SECOND,
  discoveryBrowseRepeatMs: SECOND,
  discoveryDirectBrowseMs: SECOND,
  /** Discovery: records of DNS-SD kept of one search; a site has some dozen printers with six services each. */
  discoveryRecordsMax: 5000,
  /** Discovery: characters kept of a name, a title or a description; sysDescr has 255 at most (RFC 3418). */
  discoveryTextMax: 1024,
  /** Discovery: the first search on schedule waits until the devices are up again after a power cut. */
  discoveryFirstDelayMs: 5 * MINUTE,
  /** Discovery: devices remembered; a site has a few dozen. */
  discoveredDevicesMax: 1000,
  /** Health: how often everything is looked at; telemetry goes out as often by default. */
  healthLookMs: MINUTE,
  /** Health: a change of the spool is looked at after this, and those that follow it at once with it. */
  healthSettleMs: 2 * SECOND,
  /** Health: what was learned of devices is written at most this often; the event table tells the rest again. */
  healthSaveEveryMs: 60 * MINUTE,
  /** Health: messages whose device is remembered until their outcome comes; others are asked of the spool. */
  healthMessagesRememberedMax: 2000,
  /** Health: devices in one fact of the spool, about 500 bytes each. */
  healthDevicesPerFact: 200,
  /** Health: addresses of no known device whose latest refusal is remembered, about 100 bytes each in one fact. */
  healthStrangersMax: 200,
  /** Kept log: two files of this size; some thousand lines, more than a support case needs. */
  logFileBytesMax: 1024 * KIB,
  /** Kept log: a line longer than this is cut. */
  logLineBytesMax: 8 * KIB,
  /** Kept log: lines are written together, this long after the first, or when so much has gathered. */
  logBatchMs: 15 * MINUTE,
  logBatchBytesMax: 64 * KIB,
  /** Kept log: a warning or an error is written after this, with what follows it at once. */
  logTroubleMs: 5 * SECOND,
  /** Kept log: past this in 24 hours lines are kept in memory only, so that no flood of errors wears the SD card. */
  logDayBytesMax: 16 * 1024 * KIB,
  /** Support bundle: events in it, and those of the log's newest lines that fit here. */
  supportEventsMax: 500,
  supportLogBytesMax: 512 * KIB,
  /** Temporary files and folders that nobody has written to for so long are leftovers of a crash; who is at work writes every second. */
  leftoverMinMs: 10 * MINUTE,
  /** Support bundle: bundles kept in the data folder; each has some ten KiB. */
  supportBundlesKept: 3,
  /** Support bundle: each part of it that looks at something is waited for this long, so that it comes before the caller goes. */
  supportPartMaxMs: 45 * SECOND,
  /** Support bundle: a part of it in the answer to a command; base64 makes it a third longer (commandResultBytesMax). */
  supportPartBytes: 10 * KIB,
  /** Attempts that send-test keeps while its own scan has no id yet: more than begin within the second that takes. */
  sendTestAttemptsMax: 1000,
  /** Doctor: checks under way at once; most of them wait for the network. */
  doctorChecksAtOnceMax: 8,
  /** Doctor: one check; several mail hosts that swallow packets take a connect of 15 s each. */
  doctorCheckMaxMs: MINUTE,
  /** Doctor: a look at one SMTP server, handshake included, and a reply of it. */
  doctorLookMaxMs: 15 * SECOND,
  doctorReplyBytesMax: 64 * KIB,
  /** Doctor: what time it is, asked of a time server (UDP, within one round trip) and over HTTPS. */
  doctorTimeServerMaxMs: 3 * SECOND,
  doctorHttpsMaxMs: 10 * SECOND,
  /** Setting up: one live test of an answer; a closed port takes 15 s for each address. */
  setupTestMaxMs: MINUTE,
  /** Simulated tenant: bodies kept for tests and play; older ones leave only their size and hash. */
  sandboxBodyBytesMax: 64 * 1024 * KIB,
  /** Simulated tenant: records kept, enough for a backlog of 10,000. */
  sandboxRecordsMax: 20_000,
  /** Simulated tenant: verbs kept of one session; a test reads the first few. */
  sandboxCommandsMax: 1000,
  /** Simulated tenant: an AUTH line may have 12,288 octets (RFC 4954 section 4). */
  sandboxLineBytesMax: 12 * KIB + 2,
  /** Simulated tenant: the MX ends a session after about 20 minutes (docs/reference/replies.md, 4.4.1). */
  sandboxSessionMaxMs: 20 * MINUTE,
  /** Simulated tenant: a token request with a certificate assertion has a few KiB. */
  sandboxRequestBytesMax: 64 * KIB,
  /** Simulated tenant: unread bytes of one connection before its reading pauses. */
  sandboxUnreadBytesMax: 256 * KIB,
  /** Characters of a signal that profiles are matched on; sysDescr has 255 at most (RFC 3418), a TXT string too. */
  signalCharactersMax: 1024,
  /** Ways in which a profile's pattern may match such a text; tried one by one they take some ten milliseconds. */
  patternWaysMax: 2_000_000,
  /** A folder of profiles that is checked; the catalogue has some hundred files. */
  profileFilesMax: 5000,
  /** A signed pack of profiles: within a command, and unpacked; the whole catalogue has 30 KB and 130 KB. */
  profilePackBytesMax: 96 * KIB,
  profilePackUnpackedBytesMax: 4096 * KIB,
  /** One file of a profile; the longest has some ten KiB. */
  profileFileBytesMax: 256 * KIB,
} as const;
