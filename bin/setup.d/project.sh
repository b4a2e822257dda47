# The project's own npm packages and its build, each only when it is out of date.
# shellcheck shell=sh

: "${root:?set by bin/setup}"

ensure_modules() {
  stamp=$root/node_modules/.trace-flow-lock
  sum=$(cksum <"$root/package-lock.json")
  if [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ]; then return 0; fi
  if ! node "$root/bin/setup.d/modules-match.js"; then
    say "trace-flow: npm ci"
    (cd "$root" && npm ci --no-audit --no-fund --loglevel=error) >&2
  fi
  echo "$sum" >"$stamp"
}

# Compares with oclif.manifest.json, which every build writes last.
ensure_build() {
  manifest=$root/oclif.manifest.json
  if [ -d "$root/dist/src" ] && [ -e "$manifest" ] && ! is_anything_newer; then return 0; fi
  say "trace-flow: npm run build"
  (cd "$root" && npm run --silent build) >&2
}

is_anything_newer() {
  newer=$(find "$root/src" "$root/test" "$root/package.json" "$root/tsconfig.json" -newer "$manifest" | head -n 1)
  [ -n "$newer" ]
}
