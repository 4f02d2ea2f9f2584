/** What the tests of every floor share. Not part of any published jar. */
package io.espalier.testing;
