# Node 20 or newer with npm: from PATH, else from apt, else from the npm registry into a folder of the project.
# shellcheck shell=sh

: "${root:?set by bin/setup}"

private_node=$root/.tools/node
private_node_version=20.20.2
private_npm_version=10.9.9

ensure_node() {
  if [ -x "$private_node/bin/node" ]; then use_private_node; fi
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
    say "trace-flow: needs Node 20 or newer with npm, and could not get it. Install it and run this again."
    exit 1
  fi
}

is_node_recent() {
  has node && node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)'
}

is_apt_node_recent() {
  candidate=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*\).*/\1/p')
  [ "${candidate:-0}" -ge 20 ]
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
