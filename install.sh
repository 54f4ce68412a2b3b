#!/bin/sh
# Installs the program of linux-api: downloads one release for this machine, verifies that it is signed by
# the release key, and copies the program. Nothing else is changed and nothing is started. Read it, then run
#
#   sh install.sh
#
# as root for /usr/local/bin, as any other user for ~/.local/bin. It uses no sudo, and what is downloaded is
# not executed before it is verified.
#
#   BIN_DIR   another directory for the program
#   BASE_URL  another address of the files of the release
#   VERSION   another version than the one that this script comes with
#   SHA256    the checksum of the tarball, from a source that you trust: for machines that have neither
#             minisign nor OpenSSL 3, where the signature is not verified
#
# Needs curl or wget, tar with gzip, sha256sum, and minisign or OpenSSL 3.
set -eu

VERSION=${VERSION:-0.2.0}
# The release key (the second line of linux-api.pub) and the address of the files of this release.
# docs/releasing.md has the step that fills them in; until then there is no release to install.
PUBLIC_KEY=
RELEASE_URL=

say() { printf '%s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# The part of the name of a tarball that stands for this machine.
target() {
  [ "$(uname -s)" = Linux ] || fail "linux-api runs on Linux only, and this is $(uname -s)"
  machine=$(uname -m)
  case $machine in
  x86_64 | amd64) machine=x86_64 ;;
  aarch64 | arm64) machine=aarch64 ;;
  *) fail "there is no build for $machine: releases are for x86_64 and aarch64; README.md says how to build from the sources" ;;
  esac
  say "$machine-unknown-linux-musl"
}

download() { # NAME
  say "downloading $base/$1"
  if has curl; then
    curl --fail --silent --show-error --location --retry 3 --output "$work/$1" "$base/$1"
  elif has wget; then
    wget --quiet --tries=3 --output-document="$work/$1" "$base/$1"
  else
    fail "curl or wget is missing"
  fi || fail "$base/$1 could not be downloaded whole; nothing was installed"
}

# Bytes FIRST to LAST of what is encoded in base64, as binary.
bytes() { # TEXT FIRST LAST
  printf '%s' "$1" | openssl base64 -d -A | head -c "$3" | tail -c "+$2"
}

openssl_is_3() {
  has openssl || return 1
  # LibreSSL and OpenSSL 1 can't verify Ed25519 on the command line.
  case $(openssl version) in
  "OpenSSL 1."* | "OpenSSL 0."* | LibreSSL*) return 1 ;;
  esac
}

# What minisign does, by OpenSSL. A signature file has the algorithm (2 bytes), the number of the key (8)
# and the Ed25519 signature of the file's BLAKE2b-512 (64); a key has the same two, and 32 bytes of key.
openssl_verify() { # FILE
  signature=$(sed -n 2p "$1.minisig")
  [ "$(bytes "$signature" 1 2)" = ED ] || return 1
  [ "$(bytes "$signature" 3 10 | openssl base64)" = "$(bytes "$PUBLIC_KEY" 3 10 | openssl base64)" ] || return 1
  # The fixed beginning of an Ed25519 key in DER (RFC 8410).
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000' && bytes "$PUBLIC_KEY" 11 42; } >"$work/key"
  bytes "$signature" 11 74 >"$work/signature"
  openssl dgst -blake2b512 -binary "$1" >"$work/digest"
  openssl pkeyutl -verify -pubin -inkey "$work/key" -keyform DER -rawin -in "$work/digest" \
    -sigfile "$work/signature" >/dev/null 2>&1
}

# Leaves in `sum` the checksum that the tarball must have.
find_sum() {
  if [ -n "${SHA256:-}" ]; then
    say "note: the signature is not verified; the checksum is the one that you passed as SHA256"
    sum=$SHA256
    return
  fi
  if ! has minisign && ! openssl_is_3; then
    fail "neither minisign nor OpenSSL 3 is here to verify the signature: install minisign, or pass the checksum of $tarball as SHA256 from a source that you trust"
  fi
  download SHA256SUMS
  download SHA256SUMS.minisig
  if has minisign; then
    minisign -V -q -P "$PUBLIC_KEY" -m "$work/SHA256SUMS" -x "$work/SHA256SUMS.minisig" >/dev/null 2>&1
  else
    openssl_verify "$work/SHA256SUMS"
  fi || fail "SHA256SUMS is not signed by the release key $PUBLIC_KEY: do not use these files"
  say "verified: SHA256SUMS is signed by the release key $PUBLIC_KEY"
  sum=$(awk -v name="$tarball" '$2 == name || $2 == "*" name { print $1; exit }' "$work/SHA256SUMS")
  [ -n "$sum" ] || fail "the signed SHA256SUMS has no $tarball"
}

main() {
  [ $# -eq 0 ] || fail "usage: sh install.sh (the variables at its beginning change what it does)"
  [ -n "$PUBLIC_KEY" ] || fail "this install.sh has no release key yet: linux-api has not been released. README.md says how to build it from the sources"
  base=${BASE_URL:-$RELEASE_URL}
  base=${base%/}
  case $base in
  https://?* | http://127.0.0.1[:/]* | http://localhost[:/]*) ;;
  "") fail "BASE_URL is missing: the address of the files of the release" ;;
  *) fail "BASE_URL has to begin with https://: $base" ;;
  esac
  name=linux-api-$VERSION-$(target)
  tarball=$name.tar.gz
  if [ "$(id -u)" = 0 ]; then
    bin=${BIN_DIR:-/usr/local/bin}
  else
    bin=${BIN_DIR:-$HOME/.local/bin}
  fi
  # A second program in another directory would hide the first one, or be hidden by it.
  if [ "$bin" != /usr/bin ] && [ -e /usr/bin/linux-api ]; then
    fail "a package has installed /usr/bin/linux-api: upgrade that one, or remove it first"
  fi
  for tool in tar gzip sha256sum awk; do
    has "$tool" || fail "$tool is missing"
  done

  work=$(mktemp -d)
  trap 'rm -rf "$work"; [ -z "${staged:-}" ] || rm -f "$staged"' EXIT
  trap 'exit 1' HUP INT TERM
  say "installing linux-api $VERSION for $(uname -m) into $bin"
  find_sum
  download "$tarball"
  printf '%s  %s\n' "$sum" "$work/$tarball" | sha256sum --check --status ||
    fail "$tarball does not have the checksum $sum: do not use it; nothing was installed"
  say "verified: $tarball has the checksum $sum"

  tar -xzf "$work/$tarball" -C "$work" "$name/linux-api"
  mkdir -p "$bin"
  staged=$(mktemp "$bin/.linux-api.XXXXXX")
  cp "$work/$name/linux-api" "$staged"
  chmod 0755 "$staged"
  runs=$("$staged" --version 2>&1) || fail "the program does not run on this machine: $runs"
  # In one step, so that there is no moment without a program.
  mv -f "$staged" "$bin/linux-api"
  staged=
  say "installed $bin/linux-api: $runs"
  case :$PATH: in
  *:"$bin":*) ;;
  *) say "note: $bin is not in your PATH" ;;
  esac
  say "next: linux-api tui, or sudo $bin/linux-api setup for the daemon"
}

# At the end, so that a script of which a part is missing does nothing.
main "$@"
