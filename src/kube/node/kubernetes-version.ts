/** The version of the API that this cluster speaks. */
export const KUBERNETES_VERSION = "v1.34.0+naru";
