/** Renders the config of mqtt2prometheus from the tables of health: one entry a metric, since it knows no wildcard. */
import { stringify } from 'yaml';
import { prometheusOf } from '../../src/fleet/metrics-text.ts';
import { METRICS } from '../../src/health/index.ts';

const INTRO = `# mqtt2prometheus (Debian: prometheus-mqtt-exporter) for Scanferry: /etc/prometheus/mqtt-exporter.yaml
#
# For a Prometheus without \`scanferry fleet --metrics\`: the numbers of each site under the same names, the site in the
# label "sensor" (scrape.yml beside this file calls it "site"). Whether a site is online, and what is said of each route
# and device, is not among them: their keys end in an id, and this exporter knows no wildcard. The last entries of the
# list show how a route of yours is added.
#
# User and password: MQTT2PROM_MQTT_USER and MQTT2PROM_MQTT_PASSWORD in its environment. An authority of your own for
# the broker's certificate belongs into the system's store (update-ca-certificates): \`ca_cert\` works with a client
# certificate only (tried with 0.1.7).
`;

const GRADE = {
  ...{ prom_name: 'scanferry_site_grade', mqtt_name: 'grade_num', type: 'gauge' },
  help: 'How the site stands: 0 ok, 1 warn, 2 fail.',
};

/** A route of a site, as somebody may add their own: the id with underscores stands at the end of the key. */
const EXAMPLE = `
  # - prom_name: scanferry_route_state
  #   mqtt_name: route_state_mailbox
  #   type: gauge
  #   help: State of the route "mailbox" by its grade.
  #   const_labels: { route: mailbox }
`;

export function renderMqttExporter(): string {
  const metrics = METRICS.filter(({ each }) => each === null).map((metric) => {
    const { name, help, scale } = prometheusOf(metric);
    const scaled = scale === 1 ? {} : { mqtt_value_scale: scale };
    return { prom_name: name, mqtt_name: metric.name, type: 'gauge', help, ...scaled };
  });
  const config = {
    mqtt: {
      server: 'ssl://broker.example:8884',
      topic_path: 'scanferry/v1/+/telemetry',
      device_id_regex: '^scanferry/v1/(?P<deviceid>[^/]+)/telemetry$',
      qos: 0,
    },
    // A site that is gone must not be shown as it was: its numbers come once a minute.
    cache: { timeout: '3m' },
    metrics: [GRADE, ...metrics],
  };
  return `${INTRO}\n${stringify(config, { lineWidth: 0 })}${EXAMPLE.slice(1)}`;
}
