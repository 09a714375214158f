#!/bin/sh
# Installs the Debian packages that the tests use as real peers: mail clients, Postfix with SASL as upstream,
# Mosquitto as broker, what answers discovery (snmpd, ippeveprinter, avahi), what prints a setup sheet and reads it back
# (Chromium, Poppler, zbar), and what monitors a site over it (Prometheus, its exporter for MQTT, Zabbix' agent, Jinja2).
# Quick and offline when nothing is missing. Starts no service.
set -eu

packages='avahi-daemon chromium cups-ipp-utils curl dbus fonts-dejavu-core iproute2 libnet-ssleay-perl libsasl2-modules libsasl2-modules-db mosquitto mosquitto-clients msmtp openssl poppler-utils postfix procps prometheus prometheus-mqtt-exporter python3 python3-jinja2 sasl2-bin snmpd stunnel4 swaks tmux util-linux zabbix-agent2 zbar-tools'

fail() {
  echo "install-test-peers: $1" >&2
  exit 1
}

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 ||
  fail "the test peers come as Debian packages, and this machine has no apt-get: install these by hand: $packages"

missing=''
for package in $packages; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=''
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || fail "run this as root, or install sudo; missing packages:$missing"
  as_root=sudo
fi

# Exit status 101 of this file tells every package script to start nothing (Debian Policy 9.3.3.2).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  trap '$as_root rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  $as_root chmod 755 "$policy"
fi

# "No configuration": the tests bring their own; the machine's mail system stays unset and stopped.
case "$missing" in
  *postfix*)
    echo 'postfix postfix/main_mailer_type select No configuration' |
      $as_root env DEBIAN_FRONTEND=noninteractive debconf-set-selections
    ;;
esac

echo "install-test-peers: installing$missing"
# shellcheck disable=SC2086 # the list is meant to be split
install_missing() {
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --quiet --no-install-recommends $missing
}
# The package lists may be fresh enough; only a failure asks for new ones.
install_missing || { $as_root apt-get update --quiet && install_missing; } ||
  fail "apt-get could not install$missing: its own message is above"

# A service that was enabled for the next boot would bind a port there (25 is the one the agent itself wants); the tests
# start their own.
if [ -d /run/systemd/system ]; then
  for service in avahi-daemon snmpd postfix mosquitto prometheus prometheus-mqtt-exporter zabbix-agent2; do
    case "$missing " in
      *" $service "*)
        $as_root systemctl disable --quiet "$service.service" || fail "$service.service could not be disabled"
        ;;
    esac
  done
fi
