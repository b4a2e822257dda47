# A Node that is new enough, with npm: from PATH, else from apt, else from the npm registry into a folder of the project.
# shellcheck shell=sh

: "${root:?set by bin/setup}"

private_node=$root/.tools/node
private_node_version=24.22.3
private_npm_version=11.21.2

ensure_node() {
  if is_private_node_current; then use_private_node; fi
  if is_node_recent && has npm; then return 0; fi
  if is_linux_root && has apt-get && [ -z "${TRACE_FLOW_NO_INSTALL:-}" ]; then
    if ! has node && is_apt_node_recent; then
      install_packages nodejs npm || :
    elif ! has npm; then
      install_packages npm || :
    fi
  fi
  is_node_recent || fetch_node
  if ! is_node_recent || ! has npm; then
    say "trace-flow: needs Node 22.22.2, 24.15, 26 or newer with npm, and could not get it. Install it and run this again."
    exit 1
  fi
}

# The same versions as `engines` in package.json.
is_node_recent() {
  has node && is_version_recent "$(node --version)"
}

# VERSION as node prints it: v24.22.3
is_version_recent() {
  version=${1#v}
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  patch=${rest#*.}
  case $major in
  '' | *[!0-9]*) return 1 ;;
  22) [ "$minor" -gt 22 ] || { [ "$minor" -eq 22 ] && [ "${patch%%[!0-9]*}" -ge 2 ]; } ;;
  24) [ "$minor" -ge 15 ] ;;
  *) [ "$major" -ge 26 ] ;;
  esac
}

is_apt_node_recent() {
  candidate=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*\.[0-9]*\.[0-9]*\).*/\1/p')
  is_version_recent "${candidate:-0.0.0}"
}

# What an earlier version of the project brought may be too old for this one.
is_private_node_current() {
  [ -x "$private_node/bin/node" ] && is_version_recent "$("$private_node/bin/node" --version)"
}

# Debian's npm needs Debian's node, so npm comes along.
fetch_node() {
  has npm || return 0
  case "$(uname -m)" in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) return 0 ;;
  esac
  package=node-$(uname -s | tr '[:upper:]' '[:lower:]')-$arch
  say "trace-flow: fetching Node $private_node_version into .tools/node"
  rm -rf "$private_node"
  mkdir -p "$private_node/bin"
  npm install --prefix "$private_node" --no-save --no-package-lock --ignore-scripts --loglevel=error \
    "$package@$private_node_version" "npm@$private_npm_version" >&2 || return 0
  ln -s "../node_modules/$package/bin/node" "$private_node/bin/node"
  ln -s ../node_modules/npm/bin/npm-cli.js "$private_node/bin/npm"
  ln -s ../node_modules/npm/bin/npx-cli.js "$private_node/bin/npx"
  use_private_node
}

# The system's npm settings (a proxy, a certificate) hold for this npm too.
use_private_node() {
  PATH=$private_node/bin:$PATH
  if [ -e /etc/npmrc ]; then export NPM_CONFIG_GLOBALCONFIG=/etc/npmrc; fi
}
