export const FILE_CHANGES = ['added', 'modified', 'deleted', 'renamed'] as const;
export type FileChangeKind = (typeof FILE_CHANGES)[number];

/** A file that two trees have not in common. */
export interface ChangedFile {
  readonly path: string;
  readonly change: FileChangeKind;
  /** Of what was renamed. */
  readonly oldPath?: string;
  /** Lines; 0 where the file is binary. */
  readonly additions: number;
  readonly deletions: number;
  readonly binary: boolean;
}
