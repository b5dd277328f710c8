// Package linearizable tells whether what many clients saw of holdings is what
// one custodian that does one thing after the other could have shown them.
//
// Clients record each operation in a [History]: when they asked, when they had
// the answer and what it was. [History.Check] has porcupine look for an order of
// all operations that keeps to the times and in which each answer is right. If
// there is none, a picture of the history is drawn, as a page of HTML.
//
// Holdings of one asset are one object, those of different assets are apart:
// transfers move an asset between accounts, lists show all accounts at once.
package linearizable
