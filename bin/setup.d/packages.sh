# System packages for live traces and the lab: installed by apt when missing, without starting or enabling a service.
# shellcheck shell=sh

: "${root:?set by bin/setup}"

log=$root/.tools/apt.log
policy=/usr/sbin/policy-rc.d
policy_aside=$policy.before-trace-flow
policy_mark='put here by bin/setup of trace-flow while it installs packages'

ensure_packages() {
  if ! is_linux_root; then
    say "trace-flow: without root on Linux, live traces and the lab are left out; captures and recordings work."
    return 0
  fi
  restore_policy # in case an earlier setup was killed
  missing=$(list_missing)
  [ -n "$missing" ] || return 0
  if ! has apt-get || [ -n "${TRACE_FLOW_NO_INSTALL:-}" ]; then
    say "trace-flow: not installed here (names of Debian's packages): $missing. Live traces may not work."
    return 0
  fi
  # shellcheck disable=SC2086 # a list of names
  install_packages $missing || say "trace-flow: some packages are missing still; live traces may not work."
}

# Prints the packages whose commands are missing, on one line.
list_missing() {
  {
    has dockerd || echo docker.io
    has docker || echo docker-cli
    while read -r package commands; do
      for command in $commands; do
        has "$command" || echo "$package"
      done
    done <<EOF
$(list_for "${purpose:-use}")
bpftrace bpftrace
iptables iptables
nftables nft
iproute2 ip
tcpdump tcpdump
redis-tools redis-cli redis-check-rdb
socat socat
haproxy haproxy
libnginx-mod-stream nginx
conntrack conntrack
procps ps sysctl
util-linux nsenter unshare flock
mount mount umount
busybox-static busybox
EOF
  } | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# What only the tests need, a package and its commands a line: a browser for the pictures, a reader for the exports, a
# port driver of rootless engines, a server for logins to the lab's hosts, Podman and CNI's plugins; and what the
# machines of the kernel matrix are made with.
list_for() {
  case $1 in
  test) printf '%s\n' 'chromium chromium' 'zsh zsh' 'tshark tshark' 'rootlesskit rootlesskit' 'slirp4netns slirp4netns' 'uidmap newuidmap' \
    'openssh-server sshd' 'openssh-client ssh' \
    'podman podman' 'netavark /usr/lib/podman/netavark' 'crun crun' 'conmon conmon' 'containernetworking-plugins /usr/lib/cni/bridge' ;;
  engines) printf '%s\n' 'debootstrap debootstrap' ;;
  kernels) printf '%s\n' 'qemu-system-x86 qemu-system-x86_64' 'debootstrap debootstrap' 'e2fsprogs mkfs.ext4' 'xz-utils xz' ;;
  esac
}

# Installs PACKAGE…; a subshell, so that its traps are its own.
install_packages() (
  export DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 NEEDRESTART_SUSPEND=1
  say "trace-flow: installing $*"
  date >>"$log"
  run_apt update || {
    say "trace-flow: apt-get update failed:"
    tail -n 5 "$log" >&2
  }
  known=
  for package in "$@"; do
    # docker-cli is a package of its own on some releases only; docker.io has it on the others
    if apt-cache show "$package" >/dev/null 2>&1; then known="$known $package"
    elif [ "$package" != docker-cli ]; then say "trace-flow: apt knows no $package here"
    fi
  done

  trap restore_policy EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  before=$(list_units)
  deny_services || exit 1
  # shellcheck disable=SC2086 # a list of names
  if ! run_apt install -y --no-install-recommends --no-remove $known; then
    say "trace-flow: apt-get install failed; all it said is in $log. Its end:"
    tail -n 15 "$log" >&2
    exit 1
  fi
  disable_new_units "$before"
  say "trace-flow: installed$known"
)

run_apt() { apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1; }

# Forbids maintainer scripts to start services, by the means that Debian has for it.
deny_services() {
  if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$policy_aside"; fi
  printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" >"$policy"
  chmod 755 "$policy"
}

restore_policy() {
  if grep -qs "$policy_mark" "$policy"; then rm -f "$policy"; fi
  if [ ! -e "$policy" ] && { [ -e "$policy_aside" ] || [ -L "$policy_aside" ]; }; then
    mv "$policy_aside" "$policy"
  fi
}

list_units() {
  for unit in docker.service docker.socket containerd.service haproxy.service nginx.service ssh.service ssh.socket \
    podman.service podman.socket podman-auto-update.service podman-auto-update.timer podman-restart.service; do
    for folder in /lib/systemd/system /usr/lib/systemd/system /etc/systemd/system; do
      [ ! -e "$folder/$unit" ] || echo "$unit"
    done
  done | sort -u
}

# Undoes the enabling of what came with this installation, so that no daemon appears at the next boot.
disable_new_units() {
  new=
  for unit in $(list_units); do
    case "$1" in *"$unit"*) ;; *) new="$new $unit" ;; esac
  done
  [ -n "$new" ] || return 0
  # shellcheck disable=SC2086 # a list of names
  if has systemctl; then
    systemctl --no-reload disable $new >>"$log" 2>&1 || :
  elif has update-rc.d; then
    for service in docker haproxy nginx ssh; do
      case "$new" in *"$service.service"*) update-rc.d "$service" disable >>"$log" 2>&1 || : ;; esac
    done
  fi
  say "trace-flow: neither started nor enabled:$new. Should you want Docker: systemctl enable --now docker"
}
