/**
 * Setting types that several rooms share. Files and secrets are resolved by the config loader before parsing.
 *
 * The schemas of the config and of profiles are functions that make them: a running agent needs them for a moment at its
 * start and seldom again, and they are 1 MiB.
 */
import * as z from 'zod';
import type { Secret } from './secret.ts';

/** What the schema that `Make` makes lets through. */
export type OutputOf<Make extends () => z.ZodType> = z.output<ReturnType<Make>>;

/** A DNS domain name, lower-cased. */
export const domainName = () =>
  z
    .string()
    .toLowerCase()
    .regex(/^(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/, {
      error: 'expected a domain name such as contoso.com',
    });

/** An IPv4 or IPv6 address. */
export const ipAddress = () => z.union([z.ipv4(), z.ipv6()], { error: 'expected an IPv4 or IPv6 address' });

/** A network in CIDR notation, or a single address. */
export const network = () =>
  z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
    error: 'expected a network such as 192.168.50.0/24, or one address',
  });

/** What the loader puts in place of a path: where the file is, and its text. */
export interface FileText {
  path: string;
  text: string;
}

/** How the config loader finds the keys it has to resolve before the schema sees them. */
export interface ResolveMark {
  resolve: 'file' | 'secret';
}

/** Marks a key that holds a path: the loader replaces it by the file's path and text. */
export const fileText = () =>
  z
    .custom<FileText>((value) => typeof value === 'object' && value !== null && 'text' in value, {
      error: 'expected the path of a readable file',
    })
    .meta({ resolve: 'file' } satisfies ResolveMark);

/** Marks a key that holds a secret: `{ secret: name }`, `{ file: path }`, `{ env: NAME }`, or a literal (warned about). */
export const secretValue = () =>
  z
    .custom<Secret>((value) => typeof value === 'object' && value !== null && 'reveal' in value, {
      error: 'expected { secret: name }, { file: path } or { env: NAME }',
    })
    .meta({ resolve: 'secret' } satisfies ResolveMark);
