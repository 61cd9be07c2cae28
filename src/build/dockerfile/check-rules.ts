/** The build checks by BuildKit's names, with the messages that its clients print and help in our own words. */
import { goQuoted } from "../../lib/go-quote.ts";

export interface CheckRule {
  help: string;
  /** Runs only when "# check=experimental=…" asks for it. */
  isExperimental?: boolean;
}

export const CHECK_RULES = {
  StageNameCasing: { help: "Names of stages are compared without case; write them in lower case." },
  FromAsCasing: { help: "Write AS in the same case as FROM." },
  NoEmptyContinuation: {
    help: "An empty line inside a continued instruction will end it in a later version; delete it.",
  },
  ConsistentInstructionCasing: { help: "Write all instructions in one case: all upper or all lower." },
  DuplicateStageName: { help: "Two stages have one name; later references mean the last one. Give each its own." },
  ReservedStageName: { help: '"scratch" and "context" have a meaning of their own; call the stage something else.' },
  JSONArgsRecommended: {
    help: 'A shell stands between the container and the program and passes no signals on. Write ["program", "argument"].',
  },
  MaintainerDeprecated: { help: "Write LABEL org.opencontainers.image.authors=… instead of MAINTAINER." },
  UndefinedArgInFrom: { help: "FROM sees only ARGs that stand before the first FROM, and the platform's own." },
  WorkdirRelativePath: {
    help: "Where a relative WORKDIR leads depends on the base image; begin with an absolute one.",
  },
  UndefinedVar: { help: "The variable has no value here: no ARG or ENV above in this stage or in its base sets it." },
  MultipleInstructionsDisallowed: { help: "Only the last one of a stage counts; delete the others." },
  LegacyKeyValueFormat: { help: "Write NAME=value: the form with a blank takes the whole line as one value." },
  InvalidBaseImagePlatform: { help: "The base image that was found is of another platform than the build wants." },
  RedundantTargetPlatform: { help: "FROM takes the target's platform by itself; leave --platform out." },
  SecretsUsedInArgOrEnv: {
    help: "Values of ARG and ENV stay readable in the image and its history. Use RUN --mount=type=secret.",
  },
  InvalidDefaultArgInFrom: {
    help: "Give the ARG a default that makes a valid image name, so that it builds by itself.",
  },
  FromPlatformFlagConstDisallowed: { help: "A fixed platform is wrong for every other target; use $BUILDPLATFORM." },
  CopyIgnoredFile: {
    help: "The file never reaches the build, because .dockerignore leaves it out.",
    isExperimental: true,
  },
  InvalidDefinitionDescription: {
    help: "A comment right above ARG or FROM describes it and begins with its name. Put an empty comment between otherwise.",
    isExperimental: true,
  },
  ExposeProtoCasing: { help: "Write the protocol in lower case: 80/tcp." },
  ExposeInvalidFormat: { help: "EXPOSE names the container's ports only; publish on the host with run -p." },
} as const satisfies Record<string, CheckRule>;

export type CheckRuleName = keyof typeof CHECK_RULES;

const meant = (name: string | undefined) => (name === undefined ? "" : ` (did you mean ${name}?)`);

/** The messages, in the words of docker's clients. */
export const checkMessage = {
  StageNameCasing: (name: string) => `Stage name '${name}' should be lowercase`,
  FromAsCasing: (from: string, as: string) => `'${as}' and '${from}' keywords' casing do not match`,
  NoEmptyContinuation: () => "Empty continuation line",
  ConsistentInstructionCasing: (keyword: string, casing: string) =>
    `Command '${keyword}' should match the case of the command majority (${casing})`,
  DuplicateStageName: (name: string) => `Duplicate stage name ${goQuoted(name)}, stage names should be unique`,
  ReservedStageName: (name: string) => `Stage name should not use the same name as reserved stage ${goQuoted(name)}`,
  JSONArgsRecommended: (keyword: string) =>
    `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`,
  MaintainerDeprecated: () => "Maintainer instruction is deprecated in favor of using label",
  UndefinedArgInFrom: (name: string, near?: string) => `FROM argument '${name}' is not declared${meant(near)}`,
  WorkdirRelativePath: (path: string) =>
    `Relative workdir ${goQuoted(path)} can have unexpected results if the base image changes`,
  UndefinedVar: (name: string, near?: string) =>
    `Usage of undefined variable '$${name}'${near === undefined ? "" : meant(`$${near}`)}`,
  MultipleInstructionsDisallowed: (keyword: string) =>
    `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
  LegacyKeyValueFormat: (keyword: string) =>
    `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
  InvalidBaseImagePlatform: (image: string, wanted: string, found: string) =>
    `Base image ${image} was pulled with platform ${goQuoted(found)}, expected ${goQuoted(wanted)} for current build`,
  RedundantTargetPlatform: (variable: string) =>
    `Setting platform to predefined ${variable} in FROM is redundant as this is the default behavior`,
  SecretsUsedInArgOrEnv: (keyword: string, name: string) =>
    `Do not use ARG or ENV instructions for sensitive data (${keyword} ${goQuoted(name)})`,
  InvalidDefaultArgInFrom: (base: string) =>
    `Default value for ARG ${base} results in empty or invalid base image name`,
  FromPlatformFlagConstDisallowed: (platform: string) =>
    `FROM --platform flag should not use constant value ${goQuoted(platform)}`,
  CopyIgnoredFile: (verb: string, path: string) =>
    `Attempting to ${verb} file ${goQuoted(path)} that is excluded by .dockerignore`,
  InvalidDefinitionDescription: (keyword: string, name: string) =>
    `Comment for ${keyword} should follow the format: \`# ${name} <description>\``,
  ExposeProtoCasing: (port: string) => `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
  ExposeInvalidFormat: (port: string) =>
    `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
} satisfies { [Rule in CheckRuleName]: (...words: never[]) => string };
