/** The two shell programs of a virtual machine: what starts as its first process, and what runs the guest's side. */

/** /init of the initial memory disk: brings the disks, unpacks the project, becomes the root disk's shell. */
export const INIT = `#!/bin/sh
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vdc ] && break; sleep 1; done
mount -t ext4 /dev/vda /root || exec sh
mkdir -p /root/project
tar -x -f /dev/vdb -C /root/project
mount -o move /dev /root/dev
exec switch_root /root /bin/sh /project/guest.sh
`;

/** Runs the project in the root disk; standard output is the console, results go to the third disk as a tar file. */
export const GUEST = `#!/bin/sh
export PATH=/project:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t securityfs securityfs /sys/kernel/security
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mkdir -p /dev/pts /dev/shm /results
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
ln -s /proc/self/fd /dev/fd
ip link set lo up
hostname guest
cd /project
export TRACE_FLOW_GUEST=/results
"$@" 2>&1
echo "guest ended with $?"
tar -c -C /results . > /dev/vdc
sync
echo o > /proc/sysrq-trigger
sleep 60
`;
