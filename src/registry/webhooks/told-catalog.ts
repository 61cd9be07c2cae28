/** Answers a change only once its event is on the disk, so that a kill between the two loses no event. */
import type { RegistryCatalog } from "../contract.ts";
import { ForwardingCatalog } from "../forwarding-catalog.ts";
import type { Webhooks } from "./webhooks.ts";

export class ToldCatalog extends ForwardingCatalog {
  constructor(
    inner: RegistryCatalog,
    private readonly webhooks: Webhooks,
  ) {
    super(inner);
  }

  override async putManifest(...args: Parameters<RegistryCatalog["putManifest"]>) {
    const stored = await this.inner.putManifest(...args);
    await this.webhooks.written();
    return stored;
  }
  override async deleteManifest(...args: Parameters<RegistryCatalog["deleteManifest"]>) {
    await this.inner.deleteManifest(...args);
    await this.webhooks.written();
  }
  override async deleteBlob(...args: Parameters<RegistryCatalog["deleteBlob"]>) {
    await this.inner.deleteBlob(...args);
    await this.webhooks.written();
  }
  override async deleteRepository(...args: Parameters<RegistryCatalog["deleteRepository"]>) {
    await this.inner.deleteRepository(...args);
    await this.webhooks.written();
  }
  override async finishUpload(...args: Parameters<RegistryCatalog["finishUpload"]>) {
    await this.inner.finishUpload(...args);
    await this.webhooks.written();
  }
  override async mountBlob(...args: Parameters<RegistryCatalog["mountBlob"]>) {
    const isMounted = await this.inner.mountBlob(...args);
    await this.webhooks.written();
    return isMounted;
  }
}
