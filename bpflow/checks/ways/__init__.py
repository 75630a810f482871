"""What is certain at each node of a graph, on whichever way it was entered.

The law of this room: it follows all ways through the graph at once, as the engine would go them, and keeps of each what is certain: which
results are there, which are certainly not, and what conditions have proved. Ways that agree in all that is still read are one; of too many
only what they have in common is kept. So what it calls certain is so in every run, and what it calls uncertain may yet be so in all of them.
"""
