// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
/**
 * Dockerfiles whose builds were watched on a real docker (28.5, BuildKit 0.25) by scripts/record-dockerfiles.ts: its errors, the
 * names of its steps, the image's configuration and history, and what --check, --call=outline and --call=targets answer.
 * CONTEXT makes the files; the only image is busybox.
 */
export interface DockerfileCase {
  name: string;
  dockerfile: string;
  buildArgs?: Record<string, string>;
  target?: string;
  ignore?: string;
  /** What naru does otherwise, and why: the recorded reply is not compared. */
  differs?: string;
}

const lines = (...text: string[]) => text.join("\n");
const on = (...text: string[]) => lines("FROM busybox", ...text);

/** Only wrong ones: what is compared is the error. */
const mistakes: Record<string, string> = {
  "unknown instruction": on("RUNN echo"),
  "unknown instruction in lower case": on("cpoy a b"),
  "unknown instruction, nothing near": on("FOOBARBAZ x"),
  "flag unknown": on("COPY --exclud=1 f.txt /a"),
  "flag without value": on("COPY --chown f.txt /a"),
  "flag twice": on("COPY --chown=1 --chown=2 f.txt /a"),
  "flag in capitals": on("COPY --CHOWN=1 f.txt /a"),
  "flag not a bool": on("COPY --link=x f.txt /a"),
  "flag value after a blank": on("RUN --network none true"),
  "flag on ENV": on("ENV --x a=b"),
  "flag on FROM": "FROM --foo=1 busybox",
  "ENV without value": on("ENV a"),
  "ENV without anything": on("ENV"),
  "ENV with a bare word": on("ENV a=b c"),
  "ENV without name": on("ENV =b"),
  "LABEL without value": on("LABEL a"),
  "LABEL without anything": on("LABEL"),
  "ARG without anything": on("ARG"),
  "ARG without name": on("ARG =x"),
  "comments only": "# x\n",
  "instruction before FROM": "RUN a",
  "ENV before FROM": "ENV a=b\nFROM busybox",
  "only ARG": "ARG a=1",
  "FROM without anything": "FROM",
  "FROM with a bad stage name": "FROM busybox AS 1a",
  "FROM with two words": "FROM busybox b",
  "FROM with four words": "FROM busybox AS b c",
  "FROM with an empty base": "FROM $x",
  "FROM with an empty default": "FROM ${x:-}",
  "FROM with an unset ARG": "ARG x\nFROM $x",
  "FROM in capitals": "FROM UPPER",
  "FROM without tag": "FROM busybox:",
  "platform empty": "FROM --platform=$x busybox",
  "platform with four parts": "FROM --platform=foo/bar/baz/qux busybox",
  "heredoc without end": on("RUN cat <<EOF", "x"),
  "heredoc as a destination": on("COPY <<EOF EOF2 <<EOF3", "EOF", "EOF3"),
  "SHELL not JSON": on("SHELL foo"),
  "SHELL empty": on("SHELL []"),
  "SHELL of numbers": on("SHELL [1]"),
  "RUN of numbers": on('RUN ["a", 1]'),
  "COPY of numbers": on('COPY ["a", 1]'),
  "HEALTHCHECK without anything": on("HEALTHCHECK"),
  "HEALTHCHECK of another type": on("HEALTHCHECK FOO"),
  "HEALTHCHECK CMD alone": on("HEALTHCHECK CMD"),
  "HEALTHCHECK interval too short": on("HEALTHCHECK --interval=1us CMD a"),
  "HEALTHCHECK interval is none": on("HEALTHCHECK --interval=x CMD a"),
  "HEALTHCHECK retries negative": on("HEALTHCHECK --retries=-1 CMD a"),
  "HEALTHCHECK retries a word": on("HEALTHCHECK --retries=x CMD a"),
  "HEALTHCHECK NONE with arguments": on("HEALTHCHECK NONE a"),
  "ONBUILD ONBUILD": on("ONBUILD ONBUILD RUN a"),
  "ONBUILD FROM": on("ONBUILD FROM a"),
  "ONBUILD MAINTAINER": on("ONBUILD MAINTAINER a"),
  "ONBUILD without anything": on("ONBUILD"),
  "ONBUILD ENV without value": on("ONBUILD ENV a"),
  "ONBUILD of an unknown instruction, run": lines("FROM busybox AS a", "ONBUILD FOO x", "FROM a"),
  "WORKDIR without anything": on("WORKDIR"),
  "USER without anything": on("USER"),
  "VOLUME without anything": on("VOLUME"),
  "VOLUME empty": on('VOLUME [""]'),
  "EXPOSE without anything": on("EXPOSE"),
  "EXPOSE of a word": on("EXPOSE foo"),
  "EXPOSE of a bad protocol": on("EXPOSE 80/foo"),
  "EXPOSE too high": on("EXPOSE 70000"),
  "EXPOSE backwards": on("EXPOSE 9-8"),
  "EXPOSE of a bad address": on("EXPOSE foo:80:80"),
  "EXPOSE of a bad host port": on("EXPOSE x:80"),
  "EXPOSE of unequal ranges": on("EXPOSE 1-3:1-2"),
  "EXPOSE of nothing": on("EXPOSE /tcp"),
  "STOPSIGNAL without anything": on("STOPSIGNAL"),
  "STOPSIGNAL of a word": on("STOPSIGNAL FOO"),
  "MAINTAINER without anything": on("MAINTAINER"),
  "COPY of one word": on("COPY a"),
  "ADD of one word": on("ADD a"),
  "COPY with a bad mode": on("COPY --chmod=9z f.txt /a"),
  "COPY with a mode too high": on("COPY --chmod=77777 f.txt /a"),
  "COPY from a variable": on("COPY --from=$x f.txt /a"),
  "COPY from a number that is none": on("COPY --from=7 f.txt /a"),
  "COPY from itself": lines("FROM busybox AS a", "COPY --from=a f.txt /a"),
  "COPY in a circle": lines(
    "FROM busybox AS a",
    "COPY --from=b f.txt /a",
    "FROM busybox AS b",
    "COPY --from=a f.txt /a",
  ),
  "COPY from a later stage": lines("FROM busybox AS a", "COPY --from=b /bin/sh /a", "FROM busybox AS b", "FROM a"),
  "COPY of a URL": on("COPY http://example.invalid/x /a"),
  "COPY of a repository": on("COPY https://example.invalid/x.git /a"),
  "ADD with a checksum of a file": on("ADD --checksum=sha256:00 f.txt /a"),
  "ADD with a bad checksum": on("ADD --checksum=foo http://example.invalid/x /a"),
  "ADD with a checksum of two": on("ADD --checksum=sha256:00 http://example.invalid/x http://example.invalid/y /a/"),
  "target unknown": on("RUN true"),
  "network unknown": on("RUN --network=foo true"),
  "mount of an unknown type": on("RUN --mount=type=foo true"),
  "mount of a near type": on("RUN --mount=type=cach,target=/x true"),
  "mount without target": on("RUN --mount=type=cache true"),
  "mount to the root": on("RUN --mount=type=cache,target=/ true"),
  "mount with a bad key": on("RUN --mount=type=secret,id=a,foo=bar true"),
  "mount with a bare word": on("RUN --mount=type=bind,foo true"),
  "mount from a variable": on("RUN --mount=type=bind,from=$x,target=/x true"),
  "mount with a bad bool": on("RUN --mount=type=bind,rw=z,target=/x true"),
  "mount with a bad size": on("RUN --mount=type=tmpfs,size=zz,target=/x true"),
  "mount with a size for bind": on("RUN --mount=type=bind,size=1,target=/x true"),
  "mount with a mode for bind": on("RUN --mount=type=bind,mode=0755,target=/x true"),
  "mount with bad sharing": on("RUN --mount=type=cache,sharing=foo,target=/x true"),
  "mount with sharing for bind": on("RUN --mount=type=bind,sharing=shared,target=/x true"),
  "mount with a bad mode": on("RUN --mount=type=cache,mode=9,target=/x true"),
  "mount with a bad uid": on("RUN --mount=type=cache,uid=x,target=/x true"),
  "mount required for cache": on("RUN --mount=type=cache,required,target=/x true"),
  "secret without a name": on("RUN --mount=type=secret true"),
  "secret with source and id": on("RUN --mount=type=secret,id=a,source=b true"),
  "a trigger reads another stage": "docker gives the other stage a number twice: [tools 3/2]",
  "scratch alone": "docker saves no image without layers",
  "secret with from": on("RUN --mount=type=secret,id=a,from=b true"),
  "variable must be set": on("ENV a=${b:?}"),
  "variable must be set, with words": on("ENV a=${b:?tell me}"),
  "variable must not be empty": on("ENV b=", "ENV a=${b:?}"),
  "substitution without end": on("ENV a=${b"),
  "substitution without end after the operator": on("ENV a=${b:-c"),
  "substitution of an unknown kind": on("ENV a=${b!c}"),
  "substitution of an unknown kind after a colon": on("ENV a=${b:!c}"),
  "substitution of nothing": on("ENV a=${}"),
  "substitution with a bad pattern": on("ENV b=x", "ENV a=${b#\\q}"),
  "replacement without a second slash": on("ENV a=${b/c}"),
  "double quote without end": on('ENV a="x'),
  "single quote without end": on("ENV a='x"),
  "escape directive of another character": "# escape=x\nFROM busybox",
  "escape directive twice": "# escape=`\n# escape=`\nFROM busybox",
  "check directive of a word": "# check=foo\nFROM busybox",
  "check directive with a bad bool": "# check=skip=all;error=x\nFROM busybox",
  "check directive with an unknown key": "# check=foo=bar\nFROM busybox",
  "warnings as errors": "# check=error=true\nFROM busybox AS Foo\nMAINTAINER a",
  "line too long": on(`RUN ${"x".repeat(70_000)}`),
};

/** Good ones: names of steps, configuration and history are compared. */
const builds: Record<string, string> = {
  "the whole of configuration": on(
    ...[
      "WORKDIR /w",
      "HEALTHCHECK --interval=5s --retries=3 CMD true",
      'ENTRYPOINT ["a"]',
      "CMD b",
      "EXPOSE 81/udp 80",
    ],
    ...["VOLUME /v /w", "LABEL b=1 a=2", "USER 1", "STOPSIGNAL 9", 'SHELL ["/bin/ash", "-c"]', "MAINTAINER me <me@x>"],
  ),
  "entrypoint lets the base's command go": lines("FROM busybox AS a", "CMD x", "FROM a", "ENTRYPOINT y"),
  "entrypoint keeps the stage's command": on("CMD x", "ENTRYPOINT y"),
  "empty commands": on("CMD", "ENTRYPOINT []"),
  "shell form under another shell": on('SHELL ["/bin/ash", "-e", "-c"]', "CMD x y", "RUN true", "HEALTHCHECK CMD z"),
  "healthcheck of every kind": on(
    'HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=1h --start-interval=2s --retries=10 CMD ["a", "b c"]',
  ),
  "healthcheck none": on("HEALTHCHECK NONE"),
  "working directories": on("WORKDIR a", "WORKDIR b/../c", "WORKDIR /", "WORKDIR ./x", "ENV D=/z", "WORKDIR ${D}/y"),
  "working directory as another user": on("USER 5:6", "WORKDIR /q"),
  "legacy forms": on("ENV a b c  d", "LABEL x y z", "ENV q 'single' \"double\""),
  "quotes and escapes": on('ENV a="x y" b=c\\ d e=\'$f\' g="\\"q\\"" h=\\$i', 'LABEL "a b"=c \'d\'="e f"'),
  variables: on(
    ...[
      "ENV v=foobarbaz",
      "ENV e=",
      "ENV a=$v b=${v} c=${u:-d} d=${u-e} f=${e:-g} g=${e-h} h=${v:+y} i=${u:+n} j=${e+s}",
    ],
    ...["ENV k=${v#*o} l=${v##*b} m=${v%b*} n=${v%%b*} o=${v/ba/XX} p=${v//ba/XX} q=${v/#foo/x}"],
    ...["ENV r=\\${v} s='${v}' t=\"${v}\" w=${u:-${v}} x=$v$v y=${v}_z z=$v_z"],
  ),
  "values change after the instruction": on("ENV abc=hello", "ENV abc=bye def=$abc", "ENV ghi=$abc"),
  arguments: on("ARG a=1 b c=$a", "ARG d=${a}2", "RUN echo $a $b $c $d", "ENV a=env", "RUN echo $a"),
  "argument from outside": lines("ARG v=latest", "ARG w=$v", "FROM busybox:$w", "ARG v", "ARG w=x", "RUN echo $v $w"),
  "platform arguments": on(
    "ARG TARGETPLATFORM TARGETARCH BUILDOS TARGETVARIANT TARGETSTAGE",
    "RUN echo $TARGETPLATFORM",
  ),
  "argument shadows environment": on("ENV x=1", "ARG x=2", "RUN echo $x"),
  "names of steps": on(
    'RUN echo "$HOME" ${u} a  \\',
    "   more",
    "COPY f.txt g.md \\",
    "  /x/",
    'ADD ["f.txt", "/y z"]',
  ),
  "several stages": lines(
    ...["FROM busybox AS Build", "RUN echo 1 > /a", "FROM scratch AS unused", "COPY f.txt /", "FROM build", "RUN true"],
    ...["FROM busybox", "COPY --from=build /a /b", "COPY --from=0 /a /c", "COPY --from=busybox /bin/sh /d"],
  ),
  "ten steps have wide numbers": on(...Array.from({ length: 10 }, (_, index) => `RUN echo ${index} > /dev/null`)),
  "stage from a stage": lines(
    "FROM busybox AS a",
    "ENV x=1",
    "LABEL l=1",
    "ARG q=7",
    "FROM a AS b",
    "RUN echo $x $q",
    "FROM b",
  ),
  scratch: lines("FROM scratch", "COPY f.txt /", 'CMD ["/f.txt"]'),
  "scratch alone": "FROM scratch\n",
  "scratch with a directory": lines("FROM scratch", "WORKDIR /a/b", "ENV x=y"),
  copies: on(
    ...["WORKDIR /w", "COPY f.txt .", "COPY f.txt sub/", "COPY --chown=1:2 --chmod=600 f.txt /a", "COPY dir/ /d/"],
    ...["COPY --link f.txt /l", "COPY --exclude=*.md . /all/", "COPY *.txt /t/", "ADD --chmod=u=rw f.txt ../up"],
  ),
  "copies of documents": on(
    ...["ENV n=name", "COPY <<EOF <<'RAW' <<-TAB /x/", "a $n", "EOF", "b $n", "RAW", "\tc", "\t\td", "TAB"],
    ...["COPY --chmod=755 <<$n.txt /file", "text", "$n.txt"],
  ),
  scripts: on(
    ...[
      "RUN <<EOF",
      "echo one",
      "echo two",
      "EOF",
      "RUN <<-EOF",
      "\techo three",
      "EOF",
      "RUN <<S",
      "#!/bin/sh",
      "echo $0",
      "S",
    ],
    ...[
      "RUN cat <<A > /a && cat <<B > /b",
      "1",
      "A",
      "2",
      "B",
      "RUN <<EOF sh",
      "echo piped",
      "EOF",
      "RUN cat <<-X",
      "\tx",
      "X",
    ],
  ),
  mounts: on(
    ...["RUN --mount=type=cache,target=/c,id=x,sharing=locked,uid=1,mode=0700 touch /c/x"],
    ...[
      "RUN --mount=target=/m --mount=type=bind,source=dir,dst=/n,rw ls /m",
      "RUN --mount=type=tmpfs,target=/t,size=1m true",
    ],
    ...["RUN --mount=type=secret,id=s --mount=type=secret,id=t,env=T --mount=type=ssh true", "RUN --network=none true"],
  ),
  triggers: lines(
    ...[
      "FROM busybox AS base",
      "ONBUILD ENV a=1",
      "ONBUILD RUN echo $a",
      "ONBUILD COPY f.txt /g",
      "ONBUILD WORKDIR sub",
    ],
    ...["ENV b=2", "FROM base AS mid", "RUN echo $b", "FROM mid", "RUN true"],
  ),
  "triggers stay in the image": on("ONBUILD RUN echo 1", "onbuild copy . /x", "ONBUILD RUN <<EOF", "hi", "EOF"),
  "a trigger reads another stage": lines(
    ...[
      "FROM busybox AS tools",
      "RUN echo t > /t",
      "FROM busybox AS base",
      "ONBUILD COPY --from=tools /t /u",
      "FROM base",
    ],
  ),
  "lower case": lines("from busybox as x", "env a=b", "run true", 'cmd ["x"]'),
  "backtick escapes": lines("# escape=`", "FROM busybox", "ENV a=`$x b=c` d", "RUN echo a `", "  b", "WORKDIR C:\\x"),
  continuations: on("RUN echo a \\", "# comment", "  # indented", "", "  b \\", "  && true", "ENV x=1 \\", "    y=2"),
  "no continuation after two escapes": on("RUN echo a\\\\", "ENV x=y"),
  "carriage returns": on("ENV a=b\r", "RUN echo x \\\r", "  y\r", ""),
  "byte order mark": "\ufeffFROM busybox\nENV a=b\n",
  "JSON that is none": on("CMD ['a']", "ENTRYPOINT [a", "RUN [ -d / ]"),
  "JSON forms": on('RUN ["echo", "a b", "$HOME"]', 'CMD [ "a" , "b\\n\\u00e9" ]', 'VOLUME ["/a b", "/c"]'),
  expose: on("ARG p=90", "EXPOSE 80 443/tcp 53/udp 8000-8002 $p", "EXPOSE 80"),
  "volumes with variables": on("ENV d=/data", "VOLUME $d /x$d", 'VOLUME ["${d}2"]'),
  "users and signals with variables": on("ENV u=3 s=SIGQUIT", "USER $u:4", "STOPSIGNAL ${s}"),
  "labels of the same name": on("LABEL a=1", "LABEL a=2 b=3"),
  "predefined proxies leave no trace": on("RUN echo $HTTP_PROXY > /dev/null", "ARG NO_PROXY", "RUN true"),
  "stage names by number": lines("FROM busybox", "RUN echo > /a", "FROM busybox", "COPY --from=0 /a /b"),
  "a cache in a namespace": on("RUN --mount=type=cache,target=/c true"),
  "comments between": lines(
    "# one",
    "",
    "FROM busybox",
    "  # two",
    "RUN true # not ours",
    "   ENV c=d",
    "#three",
    "RUN true",
  ),
  SOURCE_DATE_EPOCH: on("ARG SOURCE_DATE_EPOCH", "RUN echo $SOURCE_DATE_EPOCH"),
  tabs: "FROM\tbusybox\n\tENV\ta=b\nRUN\techo\thi\n",
};

/** Which files get where, with which modes and owners: as builds, and every layer's entries are compared after a real build. */
const files: Record<string, string> = {
  "directories give their contents": on(
    "COPY dir /x",
    "COPY dir/ /y/",
    "COPY dir/. /z",
    "COPY ./dir/sub /w/",
    "COPY / /all/",
  ),
  "links among sources": on(
    "COPY link /l",
    "COPY linkdir /ld",
    "COPY linkdir/a.txt /la",
    "COPY dir/up /up/",
    "COPY link f.txt /both/",
  ),
  "onto what is there": on(
    ...[
      "RUN mkdir -p /q /r/sub && echo old > /r/a.txt && echo old > /file",
      "COPY f.txt /q",
      "COPY dir /q",
      "COPY dir /r",
    ],
    ...["COPY f.txt /file", "COPY run.sh /q/f.txt"],
  ),
  "through links of the image": on(
    ...[
      "RUN mkdir -p /real/in && ln -s /real /s && ln -s ../real/in /rel && ln -s /etc/../../real /out",
      "COPY f.txt /s/",
    ],
    ...["COPY g.md /rel/new/", "COPY f.txt /out/o", "COPY --link g.md /plain/linked", "WORKDIR /s/w", "COPY f.txt ."],
  ),
  patterns: on(
    "COPY *.t?t /x/",
    "COPY d*r/*.txt /y/",
    "COPY [fg].* /z/",
    "COPY nothing* /n/",
    "COPY dir/[as]* /s/",
    "COPY */sub /t/",
    "COPY *.md /one",
  ),
  excluded: on(
    ...[
      "COPY --exclude=**/*.txt --exclude=sub/deep dir /e/",
      "COPY --exclude=dir --exclude=*.tar* . /f/",
      "COPY --exclude=* dir /g/",
    ],
    ...["COPY --exclude=*.md --exclude=!g.md *.md f.txt /h/", "ADD --exclude=a.txt dir /i/"],
  ),
  archives: on(
    ...[
      "ADD a.tar /t1",
      "ADD a.tar.gz b.tar.bz2 /t2/",
      "ADD a.tar f.txt /t3/",
      "ADD --unpack=false a.tar /t4/",
      "COPY a.tar /t5",
    ],
    ...["ADD --chown=5:6 a.tar /t6/", "ADD --chmod=700 a.tar /t7/", "ADD f.txt /t8", "ADD *.tar /t9/"],
  ),
  "owners and modes": on(
    ...[
      "COPY <<EOF /etc/passwd",
      "root:x:0:0::/:/bin/sh",
      "me:x:12:13::/:/bin/sh",
      "EOF",
      "COPY <<EOF /etc/group",
      "them:x:44:",
      "EOF",
    ],
    ...[
      "COPY --chown=me f.txt /a",
      "COPY --chown=me:them dir /b/",
      "COPY --chown=:them f.txt /c",
      "COPY --chown=99 f.txt /d/e/f",
    ],
    ...[
      "COPY run.sh secret /g/",
      "COPY --chmod=4711 f.txt /h",
      "COPY --chmod=u+x,go-r f.txt /i",
      "COPY --chmod=750 dir /j/",
    ],
    ...["COPY --chmod=a=rX dir /k/", "USER me", "COPY f.txt /l", "WORKDIR /m/n", "COPY f.txt o/p"],
  ),
  "owners stay between stages": lines(
    ...[
      "FROM busybox AS a",
      "RUN mkdir -p /o/p && echo 1 > /o/p/q && chown -R 5:6 /o && chmod 640 /o/p/q && ln -s q /o/p/l && ln /o/p/q /o/p/h",
    ],
    ...[
      "FROM busybox",
      "COPY --from=a /o /x",
      "COPY --from=a /o/p/q /o/p/l /y/",
      "COPY --from=a --chown=7 /o /z",
      "COPY --link --from=a /o /w/",
    ],
  ),
  "what processes leave": on(
    ...[
      "RUN mkdir -p /a/b && echo 1 > /a/b/c && echo 2 > /a/d && ln -s b /a/l",
      "RUN rm /a/d && chmod 700 /a/b",
      "RUN rm -r /a/b && mkdir /a/b && echo 3 > /a/b/e",
    ],
    ...[
      "RUN mv /a/b /a/f && rm /a/l && mkdir /a/l",
      "RUN chown 3:4 /a && touch /a/new && mkfifo /a/pipe",
      "RUN rm -r /a",
    ],
  ),
  "what mounts leave": on(
    ...["RUN --mount=target=/ctx/in,rw echo w > /ctx/in/new", "RUN --mount=type=tmpfs,target=/t/u echo x > /t/u/x"],
    ...["RUN --mount=type=cache,target=/c/d echo y > /c/d/y", "RUN --mount=type=cache,target=/c/d cp /c/d/y /kept"],
    ...[
      "RUN --mount=type=bind,from=busybox,source=/bin,target=/b/c true",
      "RUN --mount=type=secret,id=none,target=/s/t true",
    ],
    ...["RUN --mount=source=f.txt,target=/one/file cat /one/file > /read"],
  ),
  "ignored files stay out": on("COPY . /all/", "COPY dir /d/"),
  "documents get places": on(
    ...["COPY <<a <<b /two/", "1", "a", "2", "b", "COPY <<a /renamed", "3", "a", "COPY f.txt <<c /mixed/", "4", "c"],
    ...[
      "COPY --chown=3:4 --chmod=640 <<d /o/",
      "5",
      "d",
      "ADD <<e /e/",
      "6",
      "e",
      "WORKDIR /w",
      "COPY <<f ./",
      "7",
      "f",
    ],
  ),
};

/** What --check, --call=outline and --call=targets answer. */
const checks: Record<string, string> = {
  "every rule": lines(
    ...[
      "# check=experimental=all",
      "# hello",
      "",
      "# a comment",
      "FROM busybox AS Base",
      "# X is it",
      "ARG X=1",
      "# not it",
    ],
    ...["", "ARG Y=$Z", "# bad", "ARG W V", "run echo \\", "", " # c", "", " foo", "EXPOSE 80/TCP 127.0.0.1:81:82 $Y"],
    ...["WORKDIR a", "ENV a $FOO", "COPY f.txt ignored.txt /x", "CMD a", 'CMD ["b"]', "MAINTAINER me", "ONBUILD RUN a"],
    ...[
      "FROM --platform=linux/amd64 busybox as Base",
      "FROM --platform=$TARGETPLATFORM busybox AS context",
      "ARG PASSWORD=1",
    ],
  ),
  "nothing to tell": on('CMD ["a"]'),
  "skipped rules": lines("# check=skip=StageNameCasing,FromAsCasing", "FROM busybox as A", "MAINTAINER x"),
  "all skipped": lines("# check=skip=all", "FROM busybox as A", "MAINTAINER x"),
  "skipped and fatal": lines("# check=skip=StageNameCasing;error=true", "FROM busybox AS A", "MAINTAINER x"),
  "errors beside warnings": lines("FROM busybox AS A", "COPY --from=9 a b"),
  "a parse error beside warnings": lines("FROM busybox AS A", "COPY a"),
  "undefined in FROM": lines("ARG TAG=latest", "FROM busybox:$TAGG", "FROM busybox:${TAG}"),
  "undefined variables": on(
    "ARG known",
    "ENV a=$known b=$unknown PATHS=$PATHH",
    "WORKDIR /$nope",
    "RUN echo $shell",
    "LABEL x=$y",
  ),
  "defaults that make no image": lines("ARG TAG", "FROM busybox:${TAG}", "FROM busybox"),
  "repeated instructions": on(
    "CMD a",
    'ENTRYPOINT ["x"]',
    'CMD ["b"]',
    'ENTRYPOINT ["y"]',
    "HEALTHCHECK NONE",
    "HEALTHCHECK CMD a",
  ),
  "unused stages are looked at": lines("FROM busybox AS a", "MAINTAINER x", "WORKDIR rel", "FROM busybox"),
  "secrets by name": on(
    ...["ARG API_KEY DATABASE_PASSWORD=1 keyboard PUBLIC_KEY author AUTH", "ENV github_token=x Credentials=y"],
  ),
  "ignored files": on("COPY ignored.txt /a", "ADD ignored.txt /b", "COPY . /c", "COPY dir /d"),
  "casing by majority": lines("from busybox", "RUN a", "run b", "Run c", "run d", "ENV x=y"),
  "shell makes the JSON check silent": on('SHELL ["/bin/sh", "-c"]', "CMD a"),
  "relative after absolute": on("WORKDIR /a", "WORKDIR b"),
  "outline of everything": lines(
    ...[
      "ARG base=busybox",
      "ARG other=$base",
      "# FROM comments are for stages",
      "FROM $other AS first",
      "ARG one=1",
      "# two the second",
    ],
    ...[
      "ARG two=2 three",
      "RUN --mount=type=secret,id=s1,required --mount=type=ssh,id=a1 true",
      "# second builds it",
      "FROM first AS second",
    ],
    ...[
      "ARG base",
      "RUN --mount=type=secret,id=s2 --mount=type=ssh true",
      "COPY --from=busybox /bin/sh /x",
      "FROM scratch",
      "COPY --from=second /x /",
    ],
  ),
  "targets of everything": lines(
    ...[
      "# base the lowest",
      "FROM --platform=$BUILDPLATFORM busybox AS base",
      "FROM base",
      "# last is it",
      "FROM scratch AS Last",
    ],
  ),
};

const buildArgs: Record<string, Record<string, string>> = {
  arguments: { b: "given", unused: "1" },
  "argument from outside": { w: "latest" },
  "platform arguments": { TARGETVARIANT: "v9" },
  "predefined proxies leave no trace": { HTTP_PROXY: "http://proxy.invalid", NO_PROXY: "local" },
  "a cache in a namespace": { BUILDKIT_CACHE_MOUNT_NS: "ns" },
  SOURCE_DATE_EPOCH: { SOURCE_DATE_EPOCH: "1700000000" },
  "outline of everything": { one: "uno" },
};
const targets: Record<string, string> = { "target unknown": "nope", "names of stages": "a" };
const ignores: Record<string, string> = {
  "every rule": "ignored.txt\n",
  "ignored files": "ignored.txt\n*.md\n",
  "ignored files stay out":
    "# all but\n**/*.txt\n!dir/a.txt\na.*\n.dockerignore\nDockerfile\ndir/sub/**\n!dir/sub/deep/*.md\n",
};
const differences: Record<string, string> = {
  "a trigger reads another stage": "docker gives the other stage a number twice: [tools 3/2]",
  "scratch alone": "docker saves no image without layers",
  "secret with from": "docker looks for the image first, which nothing would use",
};

export type Kind = "mistakes" | "builds" | "files" | "checks";

export const CASES: { kind: Kind; cases: DockerfileCase[] }[] = Object.entries({ mistakes, builds, files, checks }).map(
  ([kind, group]) => ({
    kind: kind as Kind,
    cases: Object.entries(group).map(([name, dockerfile]) => ({
      ...{ name, dockerfile, buildArgs: buildArgs[name], target: targets[name], ignore: ignores[name] },
      differs: differences[name],
    })),
  }),
);

/** Makes the files of the context; to be run by sh in its directory. */
export const CONTEXT = `set -e; umask 022
echo f > f.txt; echo g > g.md; echo x > run.sh; chmod 755 run.sh; echo s > secret; chmod 600 secret
mkdir -p dir/sub/deep dir/empty tree/bin; chmod 700 dir/empty
echo a > dir/a.txt; echo b > dir/sub/b.txt; echo c > dir/sub/deep/c.md; echo d > dir/.hidden
ln -s f.txt link; ln -s dir linkdir; ln -s ../f.txt dir/up; ln -s nowhere dir/broken
echo t > tree/bin/tool; echo u > tree/top; ln -s bin/tool tree/short; chmod 750 tree/bin/tool
tar -C tree --sort=name --owner=7 --group=8 --numeric-owner --mtime=@1600000000 -cf a.tar .
gzip -nk a.tar; tar -C tree --sort=name --owner=7 --group=8 --numeric-owner --mtime=@1600000000 -cjf b.tar.bz2 bin
`;
