/** docker-py, the library behind Ansible's modules and many Python tools, over naru's socket. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { importBusybox, run, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

/** Runs a Python script with `client` at hand and returns what it printed; the distribution's own interpreter has the library. */
async function python(script: string): Promise<string> {
  const preamble = `import docker\nclient = docker.DockerClient(base_url=${JSON.stringify(daemon.host)})\n`;
  const result = await run(["/usr/bin/python3", "-c", preamble + script]);
  expect(result.stderr).toBe("");
  return result.stdout;
}

test("containers.run returns the output", async () => {
  expect(await python("print(client.containers.run('busybox', 'echo hello', remove=True))")).toBe("b'hello\\n'\n");
});

test("a failing command raises ContainerError with its code", async () => {
  const script = `
try:
    client.containers.run('busybox', ['sh', '-c', 'echo bad >&2; exit 3'], remove=True)
except docker.errors.ContainerError as e:
    print(e.exit_status, e.stderr)
`;
  expect(await python(script)).toBe("3 b'bad\\n'\n");
});

test("a missing image raises ImageNotFound, a missing container NotFound", async () => {
  const script = `
try: client.images.get('nosuch')
except docker.errors.ImageNotFound as e: print('image', e.status_code)
try: client.containers.get('nosuch')
except docker.errors.NotFound as e: print('container', e.status_code)
`;
  expect(await python(script)).toBe("image 404\ncontainer 404\n");
});

test("detached life: logs, exec_run with demux, stats, put_archive, get_archive, pause, rename, stop, remove", async () => {
  const script = `
import io, tarfile
c = client.containers.run('busybox', ['sh', '-c', 'echo up; sleep 1000'], detach=True, name='py', labels={'a': 'b'})
print(c.status, c.name)
print(next(c.logs(stream=True, follow=True)))
print(c.exec_run(['sh', '-c', 'echo o; echo e >&2; exit 4'], demux=True))
print(sorted(c.stats(stream=False))[:3])
b = io.BytesIO(); t = tarfile.open(fileobj=b, mode='w'); i = tarfile.TarInfo('f'); i.size = 2; t.addfile(i, io.BytesIO(b'hi')); t.close()
print(c.put_archive('/tmp', b.getvalue()))
chunks, stat = c.get_archive('/tmp/f')
print(stat['name'], stat['size'], tarfile.open(fileobj=io.BytesIO(b''.join(chunks))).extractfile('f').read())
c.pause(); c.reload(); print(c.status); c.unpause()
c.rename('py2'); print([x.name for x in client.containers.list(filters={'label': 'a=b'})])
print(c.top()['Titles'][0], c.diff() is not None)
c.stop(timeout=0); print(c.wait()['StatusCode']); c.remove()
print(client.containers.list(all=True))
`;
  expect((await python(script)).split("\n")).toEqual([
    "created py",
    "b'up\\n'",
    "ExecResult(exit_code=4, output=(b'o\\n', b'e\\n'))",
    "['blkio_stats', 'cpu_stats', 'id']",
    "True",
    "f 2 b'hi'",
    "paused",
    "['py2']",
    "UID True",
    "137",
    "[]",
    "",
  ]);
});

test("networks, volumes, events and the low-level client", async () => {
  const script = `
n = client.networks.create('pynet', driver='bridge'); v = client.volumes.create('pyvol')
c = client.containers.create('busybox', 'true', network='pynet', volumes={'pyvol': {'bind': '/d', 'mode': 'rw'}})
c.start(); c.wait(); n.reload(); print(n.name, v.name, c.attrs['HostConfig']['NetworkMode'])
c.remove(); n.remove(); v.remove()
print(client.api.version()['ApiVersion'], client.ping(), client.info()['OSType'])
`;
  expect(await python(script)).toBe("pynet pyvol pynet\n1.51 True linux\n");
});
