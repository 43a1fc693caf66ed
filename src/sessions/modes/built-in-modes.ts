import type { Mode } from './mode.types.js';

const WORKS_ALONE = { supportsResume: false, supportsHitl: false, policy: 'allow-reads' } as const;
const WITH_PEOPLE = { supportsResume: true, supportsHitl: true } as const;

/** The modes of MARS, with its ids, labels and texts; `MUSTER_MODES_FILE` replaces any of them by its id. */
export const BUILT_IN_MODES: readonly Mode[] = [
  {
    id: 'copilot',
    label: 'Copilot',
    description: 'Interactive multi-agent assistant with flexible routing',
    ...WITH_PEOPLE,
  },
  {
    id: 'planning-control',
    label: 'Planning & Control',
    description: 'Two-phase planning then execution workflow',
    ...WITH_PEOPLE,
    preamble:
      'Work in two phases. First write a plan of numbered steps and end your turn, so that it can be changed. Then carry it out step by step.',
  },
  {
    id: 'one-shot',
    label: 'One Shot',
    description: 'Single agent, no-planning execution',
    ...WORKS_ALONE,
    preamble: 'Do the following at once and completely. Nobody is there to answer questions: decide for yourself what is left open.',
  },
  {
    id: 'hitl-interactive',
    label: 'HITL Interactive',
    description: 'Full human-in-the-loop with iterative guidance',
    ...WITH_PEOPLE,
    preamble: 'Work in small steps. After each one say what you did and what you would do next, and wait for guidance.',
  },
  {
    id: 'idea-generation',
    label: 'Idea Generation',
    description: 'Research idea generation and selection pipeline',
    ...WITH_PEOPLE,
    preamble:
      'Come up with several different ideas for the following, weigh them against each other, and choose the best with your reasons.',
  },
  {
    id: 'ocr',
    label: 'OCR',
    description: 'PDF text extraction via OCR',
    ...WORKS_ALONE,
    preamble: 'Extract the text of the documents named below. Give it as it stands there, and change nothing.',
  },
  {
    id: 'arxiv',
    label: 'arXiv Filter',
    description: 'Extract and download arXiv papers',
    ...WORKS_ALONE,
    preamble: 'Find the arXiv papers that the following refers to, and get them.',
  },
  {
    id: 'enhance-input',
    label: 'Enhance Input',
    description: 'Enhance text with arXiv references and context',
    ...WORKS_ALONE,
    preamble: 'Improve the following text, and add references to arXiv papers and the context they give. Answer with the new text only.',
  },
];
