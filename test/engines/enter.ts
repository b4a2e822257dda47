/** The first process of an engine's host: gives it a root of its own and waits. */

/**
 * Arguments: the root below, and an empty folder. The folder becomes a memory disk that nobody else sees; what is written goes there, and
 * the root below stays as it is. Says `ready PID`, by the number that the machine outside knows.
 */
export const ENTER = String.raw`set -eu
below=$1 work=$2
read -r pid rest < /proc/self/stat
mount -t tmpfs -o size=4g,mode=755 trace-flow "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=$below,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
cd "$work/root"
mkdir -p proc sys dev run tmp old-root home
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf bpf sys/fs/bpf 2>/dev/null || true
mount -t tmpfs -o mode=755 dev dev
[ ! -e /dev/fuse ] || mknod -m 666 dev/fuse c 10 229
for name in null zero full random urandom tty; do
  [ -e /dev/$name ] || continue
  touch dev/$name
  mount --bind /dev/$name dev/$name
done
mkdir -p dev/net dev/pts dev/shm dev/mqueue
mknod -m 666 dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t mqueue mqueue dev/mqueue
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir -p var/lib/docker var/lib/containers var/lib/containerd var/lib/cni etc/docker etc/cni/net.d var/tmp
for folder in var/lib/docker var/lib/containers var/lib/containerd var/lib/cni etc/docker etc/cni/net.d var/tmp home; do
  mount -t tmpfs -o mode=755 empty $folder
done
chmod 1777 var/tmp
pivot_root . old-root
cd /
umount -l /old-root
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 2>/dev/null || true
echo "ready $pid"
exec sleep infinity`;
