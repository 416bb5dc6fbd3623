#!/usr/bin/env bash
# Shows where weights and caches really lie on a machine of two nodes, which
# QEMU plays: two sockets of one processor and 1 GiB each.
#
#   bench/two_nodes.sh KERNEL [PROGRAM]
#
# KERNEL is a Linux kernel image with NUMA, such as the file boot/vmlinuz-* of
# Debian's package linux-image-cloud-amd64 (`apt-get download`, `dpkg -x`).
# Needs qemu-system-x86_64 (Debian's qemu-system-x86), a static busybox (Debian's
# busybox-static; BUSYBOX names another) and the model that comes with pilotfish.
# Prints what the guest says: the machine, of each policy how many pages lie on
# which node, where each thread may run, and whether the text is the same on one
# node. Status 1 where more than one page in a hundred lies elsewhere, or the
# texts differ. The processor is emulated, so that
# this takes a minute anywhere and times in there mean nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
kernel=${1:?usage: bench/two_nodes.sh KERNEL [PROGRAM]}
program=${2:-build/release/pilotfish}
busybox=${BUSYBOX:-$(command -v busybox)}
model=models/pilotfish-stories
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,tmp,model}
cp "$busybox" "$root/bin/busybox"
cp "$program" "$root/bin/pilotfish"
cp "$model"/* "$root/model/"
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
  cp --parents -L "$library" "$root"
done

cat >"$root/init" <<'GUEST'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev 2>/dev/null
mount -t tmpfs none /tmp

prompt="-d none -m /model -p Once -n 60 --ignore-eos"
failed=0

# Generates, and stops once there is some text, to look where its pages are.
look() {
  pilotfish generate $text >/tmp/text 2>/tmp/errors &
  pid=$!
  while [ ! -s /tmp/text ] && kill -0 $pid 2>/dev/null; do usleep 1000; done
  kill -STOP $pid
  # Lines such as "7f... prefer:1 anon=512 dirty=512 N1=512 kernelpagesize_kB=4".
  awk '/prefer/ {
         split($2, policy, ":")
         for (i = 3; i <= NF; ++i) if ($i ~ /^N[0-9]+=/) {
           split(substr($i, 2), pages, "=")
           all[policy[2], pages[1]] += pages[2]
           placed += pages[2]
           if (policy[2] != pages[1]) astray += pages[2]
         }
       }
       END {
         for (k in all) {
           split(k, of, SUBSEP)
           printf "pages for node %s on node %s: %d\n", of[1], of[2], all[k]
         }
         exit placed < 1000 || 100 * astray > placed
       }' /proc/$pid/numa_maps || failed=1
  for task in /proc/$pid/task/*; do
    sed -n "s/^Cpus_allowed_list:[^0-9]*/thread may run on /p" $task/status
  done
  kill -CONT $pid
  wait $pid || { cat /tmp/errors; failed=1; }
}

pilotfish inspect --machine -m /model
for dtype in bf16 q8_0; do  # the first is used in place on one node
  text="$prompt --dtype $dtype"
  rm -f /tmp/text
  echo
  echo "$dtype"
  taskset 1 pilotfish generate $text >/tmp/alone 2>/dev/null
  look
  if cmp -s /tmp/text /tmp/alone && [ -s /tmp/text ]; then
    echo "the text is that of one node"
  else
    echo "the text differs"
    failed=1
  fi
done
echo "failed=$failed"
poweroff -f
GUEST
chmod +x "$root/init"
(cd "$root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) >"$work/initrd"

timeout 200 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -machine q35 \
  -display none -nodefaults -no-reboot -serial stdio -m 2G \
  -smp 2,sockets=2,cores=1,threads=1 \
  -object memory-backend-ram,id=m0,size=1G \
  -object memory-backend-ram,id=m1,size=1G \
  -numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1,cpus=1 \
  -numa dist,src=0,dst=1,val=21 \
  -kernel "$kernel" -initrd "$work/initrd" \
  -append "console=ttyS0 quiet panic=-1" | tr -d '\r' | tee "$work/log"
grep -q '^failed=0$' "$work/log"
