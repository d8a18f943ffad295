# shellcheck shell=bash disable=SC2154
# What run, test, .ci/run and packaging/ share: finding and installing packages, building a preset, steps.
# Sourced, with `top` set to the checkout. Everything here speaks on stderr (stdout is the caller's) but for steps.

say() { printf 'aiodns: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
user_name() { id -un 2>/dev/null; } # without a name, id prints the number

# missing PURPOSE...: the packages for these purposes (first column of the list) whose sign is not there.
missing()
{
  local purpose package sign machine
  machine=$(uname -m)
  while read -r purpose package sign; do
    [[ " $* " == *" ${purpose%"-$machine"} "* ]] || continue
    case $sign in
      /*) compgen -G "$sign" ;;
      # Daemons and ip live where an ordinary user's PATH does not look.
      *) PATH=$PATH:/usr/sbin:/sbin type -P "$sign" ;;
    esac >/dev/null || printf '%s ' "$package"
  done <"$top/packaging/packages"
}

# need PURPOSE...: installs what is missing; says what it installs before it does.
need()
{
  local packages log apt
  read -ra packages <<<"$(missing "$@")"
  ((${#packages[@]})) || return 0
  say "missing packages: ${packages[*]}"
  type -P apt-get >/dev/null ||
    die "there is no apt-get here: install them (the names are Debian's) with this system's package manager"
  ((EUID == 0)) ||
    die "install them and start again: sudo apt-get install --no-install-recommends ${packages[*]}"
  say "installing them"
  apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600)
  # The package lists may be absent or too old; another source's failure to update is not ours to judge.
  log=$("${apt[@]}" install --no-install-recommends "${packages[@]}" </dev/null 2>&1) ||
    log=$("${apt[@]}" update </dev/null 2>&1
          "${apt[@]}" install --no-install-recommends "${packages[@]}" </dev/null 2>&1) ||
    { printf '%s\n' "$log" >&2; die "apt-get could not install them"; }
  read -ra packages <<<"$(missing "$@")"
  ((${#packages[@]} == 0)) || die "installed, and yet not to be found: ${packages[*]}"
}

# Was this build folder configured for this checkout? One that was copied along with another was not.
ours()
{
  local home
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$1/CMakeCache.txt" 2>/dev/null)
  [[ $home -ef $top ]]
}

# Presets are no dependency of build.ninja: a changed one has to be looked at here.
configured() { [[ -e $1/build.ninja && ! $top/CMakePresets.json -nt $1/build.ninja ]]; }

# A dry run writes nothing, so that a finished build serves readers who may not write to it.
up_to_date() { configured "$1" && ours "$1" && [[ $(ninja -C "$1" -n 2>&1) == *"no work to do."* ]]; }

# build PRESET: silent unless it fails.
build()
{
  local preset=$1 dir=$top/build/$1 log lock
  up_to_date "$dir" && return
  mkdir -p "$dir" 2>/dev/null
  [[ -w $dir ]] || die "build/$preset is missing or older than the sources, and $(user_name) may not write there:" \
    "start this as the owner of the checkout, or remove build"
  # Two builds in one folder would spoil each other; the lock goes with this process whatever ends it.
  exec {lock}<"$top" && flock "$lock"
  [[ -e $dir/CMakeCache.txt ]] && ! ours "$dir" && rm -rf "$dir"
  if ! configured "$dir"; then
    # What a failure leaves behind must not pass for a configured folder the next time.
    log=$(cd "$top" && cmake --preset "$preset" </dev/null 2>&1) ||
      { rm -f "$dir/build.ninja"; printf '%s\n' "$log" >&2; die "could not configure the preset $preset"; }
  fi
  log=$(cmake --build "$dir" </dev/null 2>&1) ||
    { printf '%s\n' "$log" >&2; die "the build of the preset $preset failed"; }
  exec {lock}<&-
}

failed=() steps=0

# step NAME COMMAND...: prints its name and its time. A failure, be it an exit, is noted, and the next step still runs.
step()
{
  local name=$1 start=$SECONDS result=ok
  shift
  printf '\n=== %s\n' "$name"
  ("$@") || { failed+=("$name"); result=FAILED; }
  printf '=== %s: %s, %d s\n' "$name" "$result" $((SECONDS - start))
  ((++steps))
}

# finish WHO: says how the steps went; fails if one did.
finish()
{
  if ((${#failed[@]})); then
    printf '\n%s: %d of %d steps failed in %d min: %s\n' "$1" ${#failed[@]} $steps $((SECONDS / 60)) \
      "$(IFS=';'; echo "${failed[*]}")"
    return 1
  fi
  printf '\n%s: all %d steps passed in %d min\n' "$1" $steps $((SECONDS / 60))
}
