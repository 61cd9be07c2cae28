/**
 * A guest book: a front end (HTTP), a leader that takes what is written, and followers that keep a copy and answer readers. Perl is
 * what the network tests' image has.
 */

const STORE = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::INET;
$SIG{PIPE} = "IGNORE"; $| = 1;
my ($port, $leader) = @ARGV;
my $server = IO::Socket::INET->new(LocalPort => $port, Listen => 50, ReuseAddr => 1) or die $!;
my (%data, %followers);
sub ask { my ($host, $line) = @_;
  my $s = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 2) or return undef;
  print $s "$line\\n"; my $said = <$s>; chomp $said if defined $said; return $said; }
if ($leader) { my ($own) = split / /, \`hostname -i\`; chomp $own;
  until (defined ask($leader, "JOIN $own")) { sleep 1 } print "joined $leader as $own\\n"; }
while (my $client = $server->accept) {
  my $line = <$client> // next; chomp $line;
  my ($verb, $key, $value) = split / /, $line, 3;
  if ($verb eq "JOIN") { $followers{$key} = 1; print $client "OK\\n"; close $client;
    ask($key, "SET $_ $data{$_}") for keys %data; next; }
  if ($verb eq "SET") { $data{$key} = $value; ask($_, $line) for keys %followers; print $client "OK\\n"; }
  else { print $client ($data{$key} // "") . "\\n"; }
  close $client;
}
`;

const FRONT_END = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::INET;
$SIG{PIPE} = "IGNORE";
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 50, ReuseAddr => 1) or die $!;
sub ask { my ($host, $line) = @_;
  my $s = IO::Socket::INET->new(PeerAddr => $host, PeerPort => 6379, Timeout => 2) or return undef;
  print $s "$line\\n"; my $said = <$s>; chomp $said if defined $said; return $said; }
while (my $client = $server->accept) {
  my $line = <$client> // next; while (my $header = <$client>) { last if $header =~ /^\\r?\\n$/ }
  my %query = $line =~ /[?&](\\w+)=([^& ]*)/g;
  my $is_set = ($query{cmd} // "") eq "set";
  my $said = $is_set ? ask("guestbook-leader", "SET $query{key} $query{value}") : ask("guestbook-follower", "GET $query{key}");
  my $body = !defined $said ? undef : $is_set ? '{"message": "Updated"}' : "{\\"data\\": \\"$said\\"}";
  my $status = defined $body ? "200 OK" : "502 Bad Gateway"; $body //= '{"error": "no answer"}';
  print $client "HTTP/1.0 $status\\r\\nContent-Type: application/json\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body";
  close $client;
}
`;

/** Files of the image, by their names beside the Dockerfile. */
export const GUESTBOOK_FILES: Readonly<Record<string, string>> = {
  store: STORE,
  "front-end": FRONT_END,
  Dockerfile: "FROM network:test\nCOPY --chmod=755 store front-end /bin/\n",
};

function part(name: string, replicas: number, command: readonly string[], port: number, servicePort: number): object[] {
  const labels = { app: "guestbook", part: name };
  const container = {
    name,
    image: "guestbook:test",
    imagePullPolicy: "IfNotPresent",
    command,
    ports: [{ containerPort: port }],
  };
  const spec = { terminationGracePeriodSeconds: 0, containers: [container] };
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: `guestbook-${name}`, labels },
      spec: { selector: labels, ports: [{ port: servicePort, targetPort: port }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: `guestbook-${name}`, labels },
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
  ];
}

/** A leader, two followers and three front ends, each behind a service. */
export const GUESTBOOK = {
  apiVersion: "v1",
  kind: "List",
  items: [
    ...part("leader", 1, ["store", "6379"], 6379, 6379),
    ...part("follower", 2, ["store", "6379", "guestbook-leader"], 6379, 6379),
    ...part("front-end", 3, ["front-end"], 8080, 80),
  ],
};
