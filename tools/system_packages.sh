#!/bin/sh
# Makes sure of the system packages that pip cannot bring. Nothing to do on macOS and Windows.
#
# usage: tools/system_packages.sh tests|window
#   tests    what Qt and OpenGL need, and a virtual screen
#   window   what Qt and OpenGL need, where there is a screen to open a window on
#
# Missing packages are installed where this runs as root with apt; elsewhere one line to copy is printed, and it fails.
set -eu
[ "$(uname -s)" = Linux ] || exit 0
PATH=$PATH:/usr/sbin:/sbin

# What to look for where there is no dpkg (a library or a command), and the Debian and Ubuntu package that brings it.
window_table='
libEGL.so.1                libegl1
libGL.so.1                 libgl1
libdbus-1.so.3             libdbus-1-3
libfontconfig.so.1         libfontconfig1
libgthread-2.0.so.0        libglib2.0-0
libxcb-cursor.so.0         libxcb-cursor0
libxcb-icccm.so.4          libxcb-icccm4
libxcb-image.so.0          libxcb-image0
libxcb-keysyms.so.1        libxcb-keysyms1
libxcb-render-util.so.0    libxcb-render-util0
libxcb-shape.so.0          libxcb-shape0
libxcb-xinerama.so.0       libxcb-xinerama0
libxkbcommon-x11.so.0      libxkbcommon-x11-0'
tests_table="$window_table
libGLX_mesa.so.0           libgl1-mesa-dri
Xvfb                       xvfb
xvfb-run                   xvfb
xauth                      xauth"

case ${1:-} in
    tests) table=$tests_table ;;
    window) table=${DISPLAY:+$window_table}; table=${table:-${WAYLAND_DISPLAY:+$window_table}} ;;
    *) echo "usage: $0 tests|window" >&2; exit 2 ;;
esac

has_apt() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null
}

# Debian 13 and Ubuntu 24.04 call some packages "…t64"; apt installs those under the old name.
is_present() {
    if has_apt; then
        dpkg-query -W -f '${Status}\n' "$2" "${2}t64" 2>/dev/null | grep -q 'ok installed$'
    else
        case $1 in
            lib*) ldconfig -p | grep -q "[[:space:]]$1 " ;;
            *) command -v "$1" >/dev/null ;;
        esac
    fi
}

things= packages=
while read -r thing package; do
    if [ -n "$thing" ] && ! is_present "$thing" "$package"; then
        things="$things $thing"
        case " $packages " in *" $package "*) ;; *) packages="$packages $package" ;; esac
    fi
done <<END
$table
END

# Debian's Python comes without venv.
if [ ! -e .venv/pyvenv.cfg ]; then
    python=$(sh tools/find_python.sh)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        venv=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        things="$things $venv" packages="$packages $venv"
    fi
fi
[ -n "$packages" ] || exit 0

if ! has_apt; then
    echo "Missing on this system:$things. Install what brings them with the system's package manager, then try again." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    echo "Installing the missing system packages:$packages"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=120 update </dev/null || true
    # shellcheck disable=SC2086  # one word per package
    if apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $packages </dev/null; then
        exit 0
    fi
fi
echo "System packages are missing. Install them, then try again:" >&2
echo "sudo apt-get install -y$packages" >&2
exit 1
