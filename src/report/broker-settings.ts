/** What a connection to the broker needs, from the settings of a site. */
import type { BrokerSettings } from './broker-types.ts';
import type { MqttSettings } from './settings.ts';

/** Client id and user are the site's own id, as the access list of the broker expects. */
export function brokerSettings(settings: MqttSettings, siteId: string): BrokerSettings {
  const { url, version, username, password, ca, certificate } = settings;
  return {
    ...{ url, version, clientId: siteId, username: username ?? siteId, password, ca: ca?.text },
    certificate: certificate && { cert: certificate.cert.text, key: certificate.key.text },
  };
}
