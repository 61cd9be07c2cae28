/** The attestations that a request asks for, made when a platform's manifest is known. */
import type { Attestation } from "../../image/contract.ts";
import { canonicalReference, familiarName, parseReference } from "../../lib/image-reference.ts";
import type { Descriptor } from "../../model/image.ts";
import type { BuildRun } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { ConfiguredTarget } from "./image-config.ts";
import { type ProvenanceFacts, provenanceOf, subjectsOf } from "./provenance.ts";

const SPDX_PREDICATE = "https://spdx.dev/Document";

/** The target, which attests itself when it is exported. */
export function withAttestations(
  context: SolverContext,
  run: BuildRun,
  target: ConfiguredTarget,
  facts: Omit<ProvenanceFacts, "finishedAt">,
): ConfiguredTarget {
  const { provenance, sbom } = run.request.attestations;
  if (!provenance && !sbom) return target;
  const names = namesOf(run);
  const attest = async (manifest: Descriptor): Promise<Attestation[]> => {
    const subject = subjectsOf(names, manifest);
    const made: Attestation[] = [];
    if (sbom) made.push(await billOfMaterials(context, run, target, { manifest, subject }));
    if (provenance) made.push(provenanceOf({ ...facts, finishedAt: new Date().toISOString() }, subject));
    return made;
  };
  return { ...target, attest };
}

function namesOf({ request }: BuildRun): string[] {
  const names = request.outputs.flatMap((output) => ("names" in output ? output.names : []));
  return [...new Set(names.map((name) => familiarName(canonicalReference(parseReference(name)))))];
}

async function billOfMaterials(
  { sbomMaker, workshop }: SolverContext,
  run: BuildRun,
  { config, layers }: ConfiguredTarget,
  { manifest, subject }: { manifest: Descriptor; subject: object[] },
): Promise<Attestation> {
  const name = "generating sbom";
  const text = await run.showing({ digest: digestOf(name, manifest.digest), name, inputs: [], cached: false }, () =>
    sbomMaker.make(
      {
        digest: manifest.digest,
        createdAt: config.created ?? new Date(0).toISOString(),
        architecture: config.architecture,
        os: config.os,
        layers: layers.map((layer) => workshop.directoryOf(layer)).reverse(),
      },
      "spdx-json",
      { signal: run.signal },
    ),
  );
  const statement = {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: SPDX_PREDICATE,
    subject,
    predicate: JSON.parse(text),
  };
  return { predicateType: SPDX_PREDICATE, statement };
}
