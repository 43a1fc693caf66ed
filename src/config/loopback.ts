/** Whether a host, as in a URL or in MUSTER_HOST, is this machine only. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|localhost|::1|\[::1\])$/.test(host);
