/** Pods that answer with their host name over HTTP (port 8080), UDP (8081) and TCP (8082), and shells to ask them from. */

import { ClusterPods } from "./cluster-pods.ts";
import { busyboxTar, eventually } from "./daemon.ts";

const IMAGE = "network:test";
/** Busybox' wget ends by a fault on some machines, and of UDP it knows nothing; perl-base is part of every Debian. */
const UDP_SERVER = `#!/usr/bin/perl
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalPort => $ARGV[0], Proto => "udp") or die $!;
while (1) { $s->recv(my $m, 1024); my $name = \`hostname\`; $s->send($name); }
`;
const UDP_ASK = `#!/usr/bin/perl
use IO::Socket::INET;
my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Proto => "udp") or die $!;
$s->send("x"); alarm 2; $s->recv(my $m, 1024) // die $!; print $m;
`;

/** As often as the third word says; the fourth is the path. */
const HTTP_ASK = `#!/usr/bin/perl
use IO::Socket::INET;
for (1 .. $ARGV[2] // 1) {
  alarm 2;
  my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 2) or die "$@\n";
  print $s "GET " . ($ARGV[3] // "/name") . " HTTP/1.0\\r\\n\\r\\n"; my $said = join("", <$s>); $said =~ s/.*\\r\\n\\r\\n//s; print $said;
}
`;
/** All IPv4 addresses of a name, as programs find it: hosts file, search list and all. */
const RESOLVE = `#!/usr/bin/perl
use Socket;
my (undef, undef, undef, undef, @found) = gethostbyname($ARGV[0]);
print inet_ntoa($_), "\n" for @found;
`;
const SCRIPTS = { "udp-server": UDP_SERVER, "udp-ask": UDP_ASK, "http-ask": HTTP_ASK, resolve: RESOLVE };

async function imageTar(): Promise<Uint8Array> {
  const script = `set -e; d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
    tar -C "$d" -xf -; mkdir -p "$d/usr/bin" "$d/usr/lib"
    cp /usr/bin/perl "$d/usr/bin/perl"; cp --parents -r /usr/lib/*/perl-base "$d/"
    ldd /usr/bin/perl | grep -o '/[^ ]*' | while read -r lib; do mkdir -p "$d/$(dirname "$lib")"; cp -L "$lib" "$d/$lib"; done
    ${Object.entries(SCRIPTS)
      .map(
        ([name, text]) =>
          `echo ${Buffer.from(text).toString("base64")} | base64 -d >"$d/bin/${name}"; chmod +x "$d/bin/${name}"`,
      )
      .join("\n")}
    tar -C "$d" -cf - .`;
  const tar = Bun.spawn(["bash", "-c", script], {
    stdin: await busyboxTar(),
    stdout: "pipe",
    stderr: "inherit",
  });
  const bytes = await new Response(tar.stdout).bytes();
  if ((await tar.exited) !== 0) throw new Error("could not make the image of the network's tests");
  return bytes;
}

/** A container that answers; at /cgi-bin/client with the address of who asks. */
export function answering(container: object = {}): object {
  const client =
    "printf '#!/bin/sh\\necho; echo \"$REMOTE_ADDR\"\\n' >/www/cgi-bin/client; chmod +x /www/cgi-bin/client";
  const script = `mkdir -p /www/cgi-bin; hostname >/www/name; ${client}; udp-server 8081 & nc -ll -p 8082 -e hostname & exec httpd -f -p 8080 -h /www`;
  return { name: "main", image: IMAGE, command: ["sh", "-c", script], ...container };
}

export class NetworkPods extends ClusterPods {
  async importNetworkImage(): Promise<void> {
    const { code, stderr } = await this.cluster.daemon.docker(["import", "-", IMAGE], { stdin: await imageTar() });
    if (code !== 0) throw new Error(`the image was not imported: ${stderr}`);
  }

  /** A pod of that image; it answers unless it has a script of its own. */
  async named(name: string, labels: object = {}, spec: object = {}, container: object = {}): Promise<void> {
    await this.make("pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels },
      spec: {
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        containers: [answering(container)],
        ...spec,
      },
    });
  }

  async service(name: string, spec: object): Promise<void> {
    await this.make("services", { apiVersion: "v1", kind: "Service", metadata: { name }, spec });
  }

  /** What a script in a pod says. */
  ask(pod: string, script: string): Promise<string> {
    return this.executed(pod, ["sh", "-c", script]);
  }
  /** The same through the real kubectl. */
  async askByKubectl(pod: string, script: string): Promise<string> {
    return (await this.cluster.kubectl(["exec", "-n", this.namespace, pod, "--", "sh", "-c", script])).stdout;
  }

  /** Asks until the answer is as wished. @throws Error with the last answer */
  async until(
    pod: string,
    script: string,
    wanted: (said: string) => boolean,
    ask = (one: string, words: string) => this.ask(one, words),
  ): Promise<string> {
    let said = "";
    try {
      await eventually(async () => {
        said = await ask(pod, script);
        return wanted(said);
      }, 30_000);
    } catch {
      throw new Error(`in ${pod}: ${script}\nsaid: ${said}`);
    }
    return said;
  }
}
